"""What a failed build says, as the lab's errors."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.errors import HostError
from lab.host import MIB
from lab.pins import pins

FULL_SIGNS = (
    "no space left on device",
    "not enough free space",
    "you don't have enough free space",
    "disk quota exceeded",
)


def raise_if_full(said: str, while_what: str, folder: Path) -> None:
    """Raise HostError if a program said that the disk is full; `folder` is where it writes, or near to it.

    Raises:
        HostError: with how much is free there, and how much all images take.
    """
    if not any(sign in said.lower() for sign in FULL_SIGNS):
        return
    while not folder.exists():
        folder = folder.parent
    free, needed = shutil.disk_usage(folder).free / MIB, pins()["host"]["kind-build-disk"]
    raise HostError(
        f"the disk is full while {while_what}: {free:,.0f} MiB free in {folder}, all images need {needed:,} MiB",
        "free some space (docker system df shows what Docker takes), then the same command goes on from here",
        said,
    )
