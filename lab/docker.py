"""The one way to the container engine: Docker's own program, which kind needs too."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.errors import HostError, ProgramError
from lab.pins import pins, version_tuple
from lab.proc import Completed, describe, run, tail

QUICK = 30
"""Seconds that a question to the engine may take."""
CHUNK = 1 << 20
REACH = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION")


def docker(
    *arguments: str | Path,
    limit: float = QUICK,
    check: bool = True,
    env: Mapping[str, str] | None = None,
    text: str | None = None,
) -> Completed:
    """Run `docker <arguments>`; see lab.proc.run for the parameters and the errors."""
    return run(["docker", *arguments], limit=limit, check=check, env=env, text=text)


def reach() -> dict[str, str]:
    """What makes a program with another HOME find the engine that `docker` finds here: a socket, or a context."""
    kept = {name: os.environ[name] for name in REACH if os.environ.get(name)}
    return {"DOCKER_CONFIG": os.environ.get("DOCKER_CONFIG") or str(Path.home() / ".docker"), **kept}


def docker_writes(*arguments: str) -> Iterator[bytes]:
    """What `docker <arguments>` writes, as it comes: more than memory holds.

    Raises:
        ProgramError: it failed.
    """
    command = ["docker", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        try:
            while chunk := running.stdout.read(CHUNK):  # type: ignore[union-attr]
                yield chunk
            require_success(running, arguments)
        finally:
            running.kill()


def docker_reads(*arguments: str, chunks: Iterable[bytes]) -> None:
    """Give `docker <arguments>` all of `chunks` on its standard input. If they raise, it is killed.

    Raises:
        ProgramError: it failed.
    """
    command, pipe = ["docker", *arguments], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=subprocess.DEVNULL, stderr=pipe) as running:
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended, and says why
                running.stdin.writelines(chunks)  # type: ignore[union-attr]
                running.stdin.flush()  # type: ignore[union-attr]
            require_success(running, arguments)
        finally:
            running.kill()
            with contextlib.suppress(BrokenPipeError):
                running.stdin.close()  # type: ignore[union-attr]


def require_success(running: subprocess.Popen[bytes], arguments: tuple[str, ...]) -> None:
    _, said = running.communicate()
    if running.returncode != 0:
        message = f"docker {' '.join(arguments[:2])} ended with {describe(running.returncode)}"
        raise ProgramError(message, detail=tail(said))


def require_engine() -> str:
    """The version of the container engine that answers.

    Raises:
        HostError: there is none, it is not running, this user may not use it, or it is too old.
    """
    minimum = pins()["docker"]["minimum"]
    try:
        answer = docker("version", "--format", "{{json .Server.Version}}", check=False)
    except ProgramError as error:
        raise HostError("Docker is not installed", "install Docker, or use ENGINE=local", error.detail) from error
    if answer.status != 0:
        said = answer.stderr.strip()
        if "permission denied" in said.lower():
            hint = "add yourself to the group docker and log in again, or use ENGINE=local"
            raise HostError("Docker is running, but this user may not use it", hint, said)
        raise HostError("Docker is not running", "start Docker (systemctl start docker), or use ENGINE=local", said)
    version = str(json.loads(answer.stdout))
    if version_tuple(version) < version_tuple(minimum):
        raise HostError(f"Docker {version} is too old: the lab needs {minimum}", "install a newer Docker")
    return version


def inspect(kind: str, name: str) -> dict[str, Any] | None:
    """What Docker knows of an object (`image`, `container`, `network`, `volume`), or None if there is none."""
    answer = docker(kind, "inspect", name, check=False)
    if answer.status != 0:
        return None
    found: dict[str, Any] = json.loads(answer.stdout)[0]
    return found
