"""The services in containers, as tests drive and break them; reached by the same `LoopbackAccess` as a lab's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lab import services
from lab.access import LoopbackAccess
from lab.components import gitea, storage
from lab.config import Settings
from lab.docker import docker, inspect
from lab.engine.kubernetes import inside, manifests
from lab.images import ImageSet
from lab.paths import Paths
from lab.proc import Completed, run
from lab.services import CLUSTER
from lab.wait import NotYetError, wait_until

SERVICES = ("postgres", "gitea", "localstack")
PORTS = {"gitea": 3000, "localstack": 4566}
LIMIT = 180
"""Seconds within which a service answers, on a machine with other things to do."""


@dataclass(frozen=True)
class Stack:
    """One project of Docker Compose; `compose` is the command with its file and its project."""

    project: str
    compose: tuple[str, ...]
    images: ImageSet
    paths: Paths

    @property
    def access(self) -> LoopbackAccess:
        """Docker chooses other ports whenever a container starts: ask again after each."""
        urls = {name: f"http://127.0.0.1:{self.port(name)}" for name in PORTS}
        return LoopbackAccess(self.paths, Settings(), {"s3": urls["localstack"], "git": urls["gitea"]})

    def inside(self) -> dict[str, str]:
        """What a step's pod has in its environment; its AWS credentials are the person's keys here."""
        access = self.access
        person = access.aws_variables()
        keys = {name: person[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        place = inside.pipeline_environment(access, self.images.reference("worker"))
        return {**place, **manifests.airflow_secrets(access)["git-credentials"], **keys}

    def container(self, service: str) -> str:
        labels = {"project": self.project, "service": service, "oneoff": "False"}
        filters = [f"--filter=label=com.docker.compose.{key}={value}" for key, value in labels.items()]
        (found,) = docker("ps", "--all", "--quiet", "--no-trunc", *filters).stdout.split()
        return found

    def port(self, service: str) -> int:
        known = inspect("container", self.container(service)) or {}
        mapped = known["NetworkSettings"]["Ports"].get(f"{PORTS[service]}/tcp")
        return int(mapped[0]["HostPort"]) if mapped else 0

    def log(self, service: str) -> str:
        said = docker("logs", self.container(service), limit=60)
        return said.stdout + said.stderr

    def kill(self, service: str) -> None:
        """Every process of the container ends at once, as by a machine that fails."""
        docker("kill", "--signal", "KILL", self.container(service))

    def replace(self, service: str) -> None:
        """A new container on the same volume."""
        docker("rm", "--force", self.container(service), limit=60)
        run([*self.compose, "up", "--detach", "--no-deps", service], limit=LIMIT)
        self.wait(service)

    def wait(self, *services: str) -> None:
        probes: dict[str, Callable[[], object]] = {
            "postgres": partial(self.require, "postgres", "pg_isready", "--quiet", "--host", "127.0.0.1"),
            "gitea": lambda: gitea.answers(self.access),
            "localstack": lambda: storage.bucket_exists(self.access),
        }
        for service in services or SERVICES:
            wait_until(probes[service], what=service, limit=LIMIT, detail=partial(self.log, service))

    def require(self, service: str, *command: str) -> None:
        if docker("exec", self.container(service), *command, check=False).status != 0:
            raise NotYetError(f"{command[0]} fails")

    def psql(self, database: str, statement: str, *, password: str, check: bool = True) -> Completed:
        """Ask by TCP, as the role of the database's name; the password is in no process list."""
        asked = ("psql", "--no-psqlrc", "--no-password", "--tuples-only", "--no-align", "--host", "127.0.0.1")
        names = ("--username", database, "--dbname", database, "--command", statement)
        place = ("exec", "--env", "PGPASSWORD", self.container("postgres"))
        return docker(*place, *asked, *names, check=check, env={**os.environ, "PGPASSWORD": password})

    def run(
        self,
        image: str,
        *command: str,
        variables: Mapping[str, str] | None = None,
        options: tuple[str, ...] = (),
        text: str | None = None,
        check: bool = True,
    ) -> Completed:
        """Run a command in a new container beside the services, to its end."""
        return docker(
            "run", "--rm", "--interactive", *self.options(variables), *options, self.images.reference(image), *command,
            env={**os.environ, **(variables or {})}, text=text, check=check, limit=LIMIT,
        )  # fmt: skip

    @contextlib.contextmanager
    def running(self, image: str, *options: str, variables: Mapping[str, str] | None = None) -> Iterator[str]:
        """The id of a container of this image that keeps running; it is removed after the block."""
        started = docker(
            "run", "--detach", *self.options(variables), *options, self.images.reference(image),
            env={**os.environ, **(variables or {})}, limit=60,
        )  # fmt: skip
        container = started.stdout.strip()
        try:
            yield container
        finally:
            keep_log(container, f"{self.project}-{image}")
            docker("rm", "--force", "--volumes", container, check=False, limit=60)

    def options(self, variables: Mapping[str, str] | None) -> list[str]:
        """Only names of variables are arguments; Docker's client reads their values from its own environment."""
        named = [part for name in variables or {} for part in ("--env", name)]
        return ["--label", f"lab.test={self.project}", "--network", f"{self.project}_default", *named]

    def end(self) -> None:
        """Remove everything that has the project's name, however far it came."""
        for service in self.listed("ps", "--all", f"--filter=label=com.docker.compose.project={self.project}"):
            keep_log(service, f"{self.project}-{service}")
        for container in self.listed("ps", "--all", f"--filter=label=lab.test={self.project}"):
            docker("rm", "--force", "--volumes", container, limit=60)
        run([*self.compose, "down", "--volumes", "--remove-orphans"], limit=LIMIT)
        for volume in self.listed("volume", "ls", f"--filter=label=lab.test={self.project}"):
            docker("volume", "rm", "--force", volume)

    def listed(self, *arguments: str) -> list[str]:
        return docker(*arguments, "--quiet").stdout.split()


def keep_log(container: str, name: str) -> None:
    """Keep what explains a failure, where LAB_TEST_LOGS says so, before the container goes."""
    if folder := os.environ.get("LAB_TEST_LOGS"):
        said = docker("logs", container, check=False, limit=60)
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{name}.log").write_text(said.stdout + said.stderr, "utf-8")


def write_secrets(access: LoopbackAccess, folder: Path) -> None:
    """The files that the Secrets of namespace `platform` are in pods: for the owner, and for a group to read."""
    access.secrets.ensure()
    read = (service.objects(access.secrets) for service in services.running(CLUSTER))
    for secret, values in (each for by_name in read for each in by_name.items()):
        (folder / secret).mkdir(parents=True, mode=0o750)
        for name, value in values.items():
            file = folder / secret / name
            file.touch(mode=0o640)
            file.write_text(value, "utf-8")


def secret_values(access: LoopbackAccess) -> dict[str, Any]:
    return {name: access.secrets[name] for name in (file.name for file in access.paths.secrets.iterdir())}
