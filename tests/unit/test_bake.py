"""Images baked into the node: the names they get, and what is left when it fails. Docker is a stand-in."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import ProgramError
from lab.images.bake import argument, bake, full_name

DOCKER = """\
#!/bin/sh
echo "$@" >> '{log}'
case "$1 $2" in
    "image inspect") [ "$3" != absent:1 ] || exit 1
        echo '[{{"Config": {{"Entrypoint": ["/entry"], "Labels": {{"lab.stands-for": "etcd coredns"}}}}}}]' ;;
    "start --attach") cat > /dev/null; [ -z '{failure}' ] || {{ echo '{failure}' >&2; exit 1; }} ;;
esac
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stand-in for Docker logs how it was called."""
    return install(tmp_path, monkeypatch)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, failure: str = "") -> Path:
    log = folder / "calls"
    log.touch()
    program = folder / "docker"
    program.write_text(DOCKER.format(log=log, failure=failure))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return log


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("lab/airflow:1", "docker.io/lab/airflow:1"),
        ("debian", "docker.io/library/debian:latest"),
        ("localhost/lab/x:2", "localhost/lab/x:2"),
        ("registry.example:5000/x", "registry.example:5000/x:latest"),
        ("ghcr.io/a/b/c:3", "ghcr.io/a/b/c:3"),
    ],
)
def test_an_image_is_baked_under_the_name_that_the_kubelet_looks_for(image: str, name: str) -> None:
    assert full_name(image) == name


def test_an_image_says_what_it_stands_for() -> None:
    facts = {"Config": {"Labels": {"lab.stands-for": "kube-proxy etcd"}}}
    assert argument("lab/x:1", facts) == "docker.io/lab/x:1=kube-proxy,etcd"
    assert argument("lab/x:1", {"Config": {"Labels": None}}) == "docker.io/lab/x:1"


def test_the_node_keeps_its_entrypoint_and_no_container_is_left(stand_in: Path) -> None:
    bake("node:1", ["app:1"], "baked:1", lambda _: None)
    calls = stand_in.read_text().splitlines()
    created = next(call for call in calls if call.startswith("create")).split()
    container = created[created.index("--name") + 1]
    assert f'commit --change ENTRYPOINT ["/entry"] --change CMD [] {container} baked:1' in calls
    assert calls[-1] == f"rm --force --volumes {container}"


def test_a_failed_import_makes_no_image_and_leaves_no_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = install(tmp_path, monkeypatch, failure="no space left on device")
    with pytest.raises(ProgramError) as failed:
        bake("node:1", ["app:1"], "baked:1", lambda _: None)
    assert "no space left on device" in failed.value.detail
    calls = log.read_text().splitlines()
    assert calls[-1].startswith("rm --force --volumes lab-bake-")
    assert not [call for call in calls if call.startswith("commit")]


def test_an_image_that_is_missing_is_named(stand_in: Path) -> None:
    with pytest.raises(ProgramError, match=r"absent:1"):
        bake("node:1", ["app:1", "absent:1"], "baked:1", lambda _: None)
    assert "create" not in stand_in.read_text()
