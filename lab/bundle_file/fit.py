"""Whether a bundle fits this machine and this checkout. Standard library only: for bootstrap.py."""

from __future__ import annotations

import hashlib
import platform
import sys
from pathlib import Path
from typing import Any

from lab import services
from lab.bundle_file.archive import Bundle
from lab.errors import HostError
from lab.pins import lock_file, pins

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
OWN_LOCK = "uv.lock"


def this_platform() -> str:
    """The platform of a bundle's packages and programs, as in `linux-amd64` or `linux-musl-arm64`."""
    machine = platform.machine().lower()
    library = "-musl" if sys.platform == "linux" and platform.libc_ver()[0] != "glibc" else ""
    return f"{sys.platform}{library}-{ARCHITECTURES.get(machine, machine)}"


def pythons() -> list[str]:
    """The versions of Python that the lab runs on; a bundle has packages for all of them."""
    minimum, below = (pins()["python"][name].split(".") for name in ("minimum", "below"))
    return [f"{minimum[0]}.{minor}" for minor in range(int(minimum[1]), int(below[1]))]


def made_from(source: Path) -> dict[str, str]:
    """The locks of everything that an engine installs, each with its checksum."""
    return {name: sha256_of(source / name) for name in (OWN_LOCK, *map(lock_file, services.environments()))}


def sha256_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def require_fit(bundle: Bundle, source: Path) -> None:
    """Refuse a bundle from which this checkout could not be brought up on this machine.

    Raises:
        HostError: it is for another kind of machine or Python, or was made from something else, which is named.
    """
    manifest, here = bundle.manifest, this_platform()
    if manifest["platform"] != here:
        hint = "make one on a machine of this kind: make lab-bundle"
        raise HostError(f"the bundle is for {manifest['platform']}, this machine is {here}", hint)
    version = "{}.{}".format(*sys.version_info[:2])
    if version not in manifest["pythons"]:
        known = ", ".join(manifest["pythons"])
        raise HostError(f"the bundle has packages for Python {known}, this is {version}", "LAB_PYTHON names another")
    require_equal(bundle, manifest["made_from"], made_from(source))


def require_equal(bundle: Bundle, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    """Refuse a bundle that was made with other inputs than this checkout has.

    Raises:
        HostError: all that differs.
    """
    different = sorted(name for name in ours if theirs.get(name) != ours[name])
    if different:
        raise HostError(
            f"the bundle does not fit this checkout: it was made with another {', '.join(different)}",
            f"check out what it was made from ({bundle.manifest['made_of']}), or make a new one: make lab-bundle",
        )
