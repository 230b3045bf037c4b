"""IMAGES=pull: from a registry that has the images, and from those that refuse or do not answer."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import pins
from lab.config import ImageSettings, Settings
from lab.docker import docker
from lab.images import ImageSet, image_set
from lab.paths import SOURCE, Paths
from tests.containers.registry import Registry, serving
from tests.containers.stack import LIMIT
from tests.waiting import eventually

# The public LocalStack has its Python elsewhere than the lab's.
PUBLIC_LOCALSTACK = """\
FROM {image}
USER 0
RUN mkdir -p /opt/code/localstack/.venv/bin && ln -s /usr/local/bin/python /opt/code/localstack/.venv/bin/python
"""


def coded(code: str) -> str:
    """The body of an error as the distribution specification has it."""
    return json.dumps({"errors": [{"code": code, "message": "no"}]})


REFUSALS = {
    "401": (401, coded("UNAUTHORIZED"), "refuses"),
    "403": (403, coded("DENIED"), "refuses"),
    "429": (429, coded("TOOMANYREQUESTS"), "allows no more pulls now (429)"),
    "429 of a proxy": (429, "<html>", "allows no more pulls now (429)"),
    "404": (404, coded("MANIFEST_UNKNOWN"), "does not have"),
    "503": (503, "<html>", "answers with a server error (503)"),
}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with serving(Registry(tmp_path)) as served:
        yield served


def get_images(folder: Path, address: str) -> subprocess.CompletedProcess[str]:
    """`IMAGES=pull lab images --ensure`, in a separate lab."""
    for name in ("lab", "images", "k8s", "localstack", "dags"):
        (folder / name).symlink_to(SOURCE / name)
    code = "import pathlib; from lab import paths; paths.SOURCE = pathlib.Path.cwd(); from lab.cli import main; main()"
    settings = {"LAB_IMAGES__SOURCE": "pull", "LAB_IMAGES__REGISTRY": address, "LAB_ENGINE": "kind"}
    return subprocess.run(
        [sys.executable, "-c", code, "images", "--ensure"], cwd=folder, env={**os.environ, **settings},
        capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_registry_that_refuses_is_named_with_the_way_on(registry: Registry, tmp_path: Path, refusal: str) -> None:
    status, body, expected = REFUSALS[refusal]
    registry.refusal = (status, body)
    assert_refused(get_images(tmp_path, registry.address), registry.address, expected)
    assert registry.asked


def test_a_registry_that_wants_a_password_is_named_with_the_way_on(registry: Registry, tmp_path: Path) -> None:
    registry.password = True
    assert_refused(get_images(tmp_path, registry.address), registry.address, "refuses")


def test_a_registry_that_is_not_there_is_named_with_the_way_on(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    assert_refused(get_images(tmp_path, address), address, "does not answer")


def assert_refused(finished: subprocess.CompletedProcess[str], address: str, expected: str) -> None:
    assert finished.returncode == 5, finished.stderr
    (error,) = [line for line in finished.stderr.splitlines() if line.startswith("error: ")]
    assert error.startswith(f"error: {address} ")
    assert expected in error
    (hint,) = [line for line in finished.stderr.splitlines() if line.startswith("hint: ")]
    assert "IMAGES=build" in hint
    assert "IMAGES=bundle" in hint


@pytest.fixture
def pulled(registry: Registry, images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageSet]:
    """The worker and LocalStack as IMAGES=pull gets them, under references of this test's own."""
    tag = f"test-{secrets.token_hex(4)}"
    public = {**pins.pins()["images"], "debian": f"debian:{tag}", "localstack": f"localstack/localstack:{tag}"}
    monkeypatch.setitem(pins.pins(), "images", public)
    bare = docker("image", "ls", "--quiet", "--filter", "reference=lab/debian").stdout.split()
    debian = [*bare, images.reference("base")][0]  # what was built on it need not be built again
    localstack = f"localstack/localstack:{tag}"
    recipe = PUBLIC_LOCALSTACK.format(image=images.reference("localstack"))
    docker("build", "--force-rm", "--tag", localstack, "-", text=recipe, limit=LIMIT)
    registry.add(debian, f"library/debian:{tag}")
    registry.add(localstack, localstack)
    docker("image", "rm", localstack)  # or the pull would find it
    settings = Settings(images=ImageSettings(source="pull", registry=registry.address))
    paths = Paths(tmp_path / "source", tmp_path / "home")
    (paths.source / "images").mkdir(parents=True)  # which gets the lock file of the digests
    for each in (*SOURCE.glob("*"), *SOURCE.glob("images/*")):
        if each.name != "images":
            (paths.source / each.relative_to(SOURCE)).symlink_to(each)
    paths.environments.mkdir(parents=True)
    paths.environment("lab").symlink_to(sys.prefix)  # with the uv that installs packages
    found = image_set(paths, settings)
    try:
        found.ensure(print, ["worker", "localstack"])
        yield found
    finally:
        made = [found.reference(name) for name in ("worker", "localstack", "base")]
        sources = [f"{registry.address}/{name}" for name in (f"library/debian:{tag}", localstack)]
        docker("image", "rm", "--force", *made, *sources, check=False, limit=60)


def test_images_from_a_registry_do_their_work(registry: Registry, pulled: ImageSet) -> None:
    assert not {"worker", "localstack"} & set(pulled.missing())
    assert [path for path in registry.asked if "/blobs/" in path]
    ran = docker("run", "--rm", pulled.reference("worker"), "python", "-m", "lab.pipeline", check=False, limit=60)
    assert (ran.status, ran.stderr.startswith("usage: ")) == (64, True)
    keys = ("--env=LAB_S3_ACCESS_KEY_ID=LABTEST", "--env=LAB_S3_SECRET_ACCESS_KEY=of this test alone")
    started = docker("run", "--detach", *keys, pulled.reference("localstack"), limit=60)
    container = started.stdout.strip()
    try:
        eventually(lambda: healthy(container), "LocalStack answers", limit=LIMIT)
    finally:
        docker("rm", "--force", "--volumes", container, limit=60)


def healthy(container: str) -> bool:
    asked = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:4566/_localstack/health').read().decode())"
    answer = docker("exec", container, "python", "-c", asked, check=False)
    return answer.status == 0 and json.loads(answer.stdout)["services"]["s3"] in {"running", "available"}
