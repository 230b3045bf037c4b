"""The services by Docker Compose (pytest-docker), made once for all tests; every test leaves them running."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.access import LoopbackAccess
from lab.components import gitea, storage
from lab.config import Settings, load
from lab.docker import require_engine
from lab.images import ImageSet, image_set
from lab.paths import Paths
from lab.pipeline.git import Repository, clone
from lab.proc import without_proxy_on_loopback
from tests.containers.stack import SERVICES, Stack, write_secrets

COMPOSE_FILE = Path(__file__).with_name("compose.yaml")


@pytest.fixture(scope="session")
def images() -> ImageSet:
    """The lab's images that run in pods: pulled or built if needed."""
    require_engine()
    paths = Paths.of()
    found = image_set(paths, load(paths.source / "lab.toml"))
    found.ensure(print, (*SERVICES, "worker"))
    return found


@pytest.fixture(scope="session")
def docker_compose_command() -> str:
    """Compose as Docker's plugin if it works, else the separate program."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        return "docker compose"
    if not shutil.which("docker-compose"):
        pytest.fail("Docker Compose is missing: install Docker's plugin, or the package docker-compose")
    return "docker-compose"


@pytest.fixture(scope="session")
def docker_compose_file() -> str:
    return str(COMPOSE_FILE)


@pytest.fixture(scope="session")
def lab_paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """Where the secrets of these services are: a separate lab."""
    paths = Paths.of(tmp_path_factory.mktemp("containers"))
    paths.user_home.mkdir(parents=True)
    paths.temporary.mkdir(parents=True)
    return paths


@pytest.fixture(scope="session")
def compose_variables(lab_paths: Paths, images: ImageSet) -> Iterator[None]:
    """What compose.yaml asks for, where Compose looks for it: in the environment."""
    folder = lab_paths.source / "mounted"
    write_secrets(LoopbackAccess(lab_paths, Settings(), {"git": ""}), folder)
    references = {f"IMAGE_{name.upper()}": images.reference(name) for name in SERVICES}
    place = {"SECRETS": str(folder), "SECRETS_GROUP": str(os.getgid())}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**references, **place, **without_proxy_on_loopback()}.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def not_yet_up(docker_compose_command: str, docker_compose_file: str, images: ImageSet, lab_paths: Paths) -> Stack:
    """The services under a name of this session's own."""
    project = f"lab-test-{secrets.token_hex(4)}"
    compose = (*docker_compose_command.split(), "--file", docker_compose_file, "--project-name", project)
    return Stack(project, compose, images, lab_paths)


@pytest.fixture(scope="session")
def docker_compose_project_name(not_yet_up: Stack, compose_variables: None) -> Iterator[str]:
    """Everything with the name is removed afterwards: pytest-docker does not clean up a failed start."""
    try:
        yield not_yet_up.project
    finally:
        not_yet_up.end()


@pytest.fixture(scope="session")
def docker_setup() -> str:
    return "up --detach"


@pytest.fixture(scope="session")
def docker_cleanup() -> str:
    """Nothing: docker_compose_project_name does it, logs first."""
    return ""


@pytest.fixture(scope="session")
def stack(docker_services: object, not_yet_up: Stack) -> Stack:
    """The services, answering, with the lab's bucket."""
    not_yet_up.wait()
    storage.ensure_bucket(not_yet_up.access)
    return not_yet_up


@pytest.fixture
def repository_name(stack: Stack) -> str:
    return make_repository(stack)


def make_repository(stack: Stack) -> str:
    """An empty repository in Gitea for one test, set up as the lab's: `lab/<name>.git`."""
    name = f"lab/test-{secrets.token_hex(4)}.git"
    gitea.set_up(stack.access, name)
    return name


@pytest.fixture
def s3(stack: Stack) -> Iterator[object]:
    with contextlib.closing(storage.client(stack.access)) as client:
        yield client


def fetched(stack: Stack, name: str, folder: Path) -> Repository:
    access = stack.access
    return clone(f"{access.url('git')}/{name}", "main", folder, access.tool_environment())
