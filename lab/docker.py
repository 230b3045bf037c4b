"""All access to the container engine: by Docker's own program, which kind needs too."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.errors import HostError, ProgramError
from lab.pins import pins, version_tuple
from lab.proc import Completed, require_success, run

QUICK = 30
"""Seconds that a query of the engine may take."""
CHUNK = 1 << 20
REACH = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION")
INSTEAD = "or use ENGINE=local"
FORBIDDEN = ("permission denied while trying to connect",)
STOPPED = ("cannot connect to the docker daemon", "failed to connect to the docker api", "error during connect")
REFUSED = ("failed to initialize", "client version", "client is newer than server")
"""Messages of Docker's program if the engine does not answer, or has an incompatible version."""


def docker(
    *arguments: str | Path,
    limit: float = QUICK,
    check: bool = True,
    env: Mapping[str, str] | None = None,
    text: str | None = None,
) -> Completed:
    """Run `docker <arguments>`; see lab.proc.run for the parameters and further errors.

    Raises:
        HostError: there is no engine, it is not running, this user may not use it, or it refuses this client.
    """
    if not shutil.which("docker"):
        raise HostError("Docker is not installed", f"install Docker, {INSTEAD}")
    command = ["docker", *arguments]
    done = require_answer(run(command, limit=limit, check=False, env=env, text=text))
    return require_success(command, done) if check else done


def require_answer(done: Completed) -> Completed:
    """Return the result of Docker's program; raise HostError if it failed because of the engine."""
    if done.status != 0 and any(sign in done.stderr.lower() for sign in (*FORBIDDEN, *STOPPED, *REFUSED)):
        raise refusal(done.stderr.strip())
    return done


def reach() -> dict[str, str]:
    """What makes a program with another HOME find the engine that `docker` finds here: a socket, or a context."""
    kept = {name: os.environ[name] for name in REACH if os.environ.get(name)}
    return {"DOCKER_CONFIG": os.environ.get("DOCKER_CONFIG") or str(Path.home() / ".docker"), **kept}


def docker_writes(*arguments: str) -> Iterator[bytes]:
    """The output of `docker <arguments>` as a stream: it may be larger than memory.

    Raises:
        ProgramError: it failed.
    """
    command = ["docker", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        try:
            while chunk := running.stdout.read(CHUNK):  # type: ignore[union-attr]
                yield chunk
            require_end(running, command)
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
            require_end(running, command)
        finally:
            running.kill()
            with contextlib.suppress(BrokenPipeError):
                running.stdin.close()  # type: ignore[union-attr]


def require_end(running: subprocess.Popen[bytes], command: Sequence[str]) -> None:
    _, said = running.communicate()
    done = Completed(running.returncode, "", said.decode("utf-8", "replace"))
    require_success(command, require_answer(done))


def require_engine(limit: float = QUICK) -> str:
    """The version of the container engine that answers within `limit` seconds.

    Raises:
        HostError: as `docker`; or it hangs, or is too old.
    """
    minimum = pins()["docker"]["minimum"]
    try:
        answer = docker("version", "--format", "{{json .Server.Version}}", check=False, limit=limit)
    except ProgramError as error:
        message = f"Docker does not answer: {error.message}"
        raise HostError(message, f"restart Docker, {INSTEAD}", error.detail) from error
    if answer.status != 0:
        raise refusal(answer.stderr.strip())
    version = str(json.loads(answer.stdout))
    if version_tuple(version) < version_tuple(minimum):
        raise HostError(
            f"Docker {version} is too old: the lab needs {minimum} or newer", f"install a newer Docker, {INSTEAD}"
        )
    return version


def refusal(said: str) -> HostError:
    """The error for a message of Docker's program instead of an answer of the engine."""
    text = said.lower()
    if any(sign in text for sign in FORBIDDEN):
        hint = f"add yourself to the group docker and log in again, {INSTEAD}"
        return HostError("Docker is running, but this user may not use it", hint, said)
    if any(sign in text for sign in STOPPED):
        return HostError("Docker is not running", f"start Docker (systemctl start docker), {INSTEAD}", said)
    return HostError("Docker does not work", f"repair it until `docker version` shows a server, {INSTEAD}", said)


def inspect(kind: str, name: str) -> dict[str, Any] | None:
    """What Docker knows of an object (`image`, `container`, `network`, `volume`), or None if there is none."""
    answer = docker(kind, "inspect", name, check=False)
    if answer.status != 0:
        return None
    found: dict[str, Any] = json.loads(answer.stdout)[0]
    return found
