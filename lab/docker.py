"""The one way to the container engine: Docker's own program, which kind needs too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.errors import HostError, ProgramError
from lab.pins import pins, version_tuple
from lab.proc import Completed, run

QUICK = 30
"""Seconds that a question to the engine may take."""


def docker(
    *arguments: str | Path,
    limit: float = QUICK,
    check: bool = True,
    env: Mapping[str, str] | None = None,
    text: str | None = None,
) -> Completed:
    """Run `docker <arguments>`; see lab.proc.run for the parameters and the errors."""
    return run(["docker", *arguments], limit=limit, check=check, env=env, text=text)


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
