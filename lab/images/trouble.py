"""The output of a failed build as the lab's errors."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from lab.docker import docker
from lab.errors import HostError, LabError
from lab.host import MIB
from lab.pins import pins

FULL_SIGNS = (
    "no space left on device",
    "not enough free space",
    "you don't have enough free space",
    "disk quota exceeded",
)


def raise_if_full(said: str, while_what: str, folder: Path) -> None:
    """Raise HostError if a program reported a full disk; `folder` is where it writes, or near it.

    Raises:
        HostError: with how much is free there and where Docker keeps images, and how much all images take.
    """
    if not any(sign in said.lower() for sign in FULL_SIGNS):
        return
    needed = pins()["host"]["kind-build-disk"]
    raise HostError(
        f"the disk is full while {while_what}: {' and '.join(free_places(folder))}; all images need {needed:,} MiB",
        "free some space (docker system df shows what Docker takes), then the same command continues from here",
        said,
    )


def free_places(folder: Path) -> list[str]:
    """How much is free where a build writes: near `folder`, and where Docker keeps images if it does so here."""
    while not folder.is_dir():
        folder = folder.parent
    places = [folder]
    with contextlib.suppress(LabError):  # it may have ended on the full disk
        root = docker("info", "--format", "{{.DockerRootDir}}", check=False).stdout.strip()
        places += [Path(root)] if root and Path(root).is_dir() else []
    return [f"{shutil.disk_usage(place).free / MIB:,.0f} MiB free in {place}" for place in places]
