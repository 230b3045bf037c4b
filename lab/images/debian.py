"""The bare Debian below `base`: made on this machine by mmdebstrap, or the public image where a registry answers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from lab.content import content_hash
from lab.docker import docker, inspect
from lab.errors import HostError, NetworkError, ProgramError
from lab.images.digests import Digests
from lab.images.trouble import raise_if_full
from lab.paths import Paths
from lab.pins import pins
from lab.proc import clean_environment, run

LIMIT = 900
HINT = "install mmdebstrap and debian-archive-keyring (apt install), or use a network with a container registry"
# What apt leaves behind, so that no later layer has anything to delete.
CLEAN = 'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/*; mkdir -p "$1/var/cache/apt/archives/partial"'


def root(paths: Paths, architecture: str) -> str:
    """The reference of the image."""
    parts = [architecture.encode(), pins()["debian"]["suite"].encode(), Path(__file__).read_bytes()]
    return f"lab/debian:{content_hash([*parts, *(file.read_bytes() for file in settings(paths))])}"


def settings(paths: Paths) -> list[Path]:
    """How apt and dpkg are to install: for the root, and for what is put on it."""
    folder = paths.source / "images/base/files/etc"
    return [folder / "apt/apt.conf.d/90lab", folder / "dpkg/dpkg.cfg.d/90lab"]


def ensure_root(paths: Paths, architecture: str, note: Callable[[str], None]) -> str:
    """The reference of a Debian with nothing installed, which is there then.

    Raises:
        HostError: this machine can make none, and there is none to pull; or the disk is full.
        NetworkError: Debian's packages could not be fetched.
    """
    reference = root(paths, architecture)
    if inspect("image", reference):
        return reference
    if shutil.which("mmdebstrap"):
        note("making a Debian root with mmdebstrap")
        bootstrap(paths, reference, architecture)
        return reference
    public, digests = str(pins()["images"]["debian"]), Digests(paths, architecture)
    at_hand = inspect("image", digests.pinned(public))
    try:
        docker("tag", digests.pinned(public) if at_hand else digests.pull(public, note), reference)
    except NetworkError as error:
        message = f"there is no Debian to begin with: mmdebstrap is not installed, and {public} could not be pulled"
        raise HostError(message, HINT, f"{error.message}\n{error.detail}".strip()) from error
    return reference


def installed(reference: str) -> set[str]:
    """Debian's packages in an image as `name=version`; none for an image that is not Debian's."""
    asked = docker(
        "run", "--rm", "--network=none", "--entrypoint=dpkg-query", reference,
        "--show", "--showformat=${Package}=${Version}\\n", limit=LIMIT, check=False,
    )  # fmt: skip
    return set(asked.stdout.split()) if asked.status == 0 else set()


def bootstrap(paths: Paths, reference: str, architecture: str) -> None:
    archive = paths.cache / "images" / "debian.tar"
    archive.parent.mkdir(parents=True, exist_ok=True)
    apt, dpkg = settings(paths)
    command: list[str | Path] = [
        "mmdebstrap", "--variant=minbase", f"--architectures={architecture}", "--include=ca-certificates",
        f"--aptopt={apt}", f"--dpkgopt={dpkg}",
        f"--customize-hook={CLEAN}", "--quiet", pins()["debian"]["suite"], archive,
    ]  # fmt: skip
    try:
        run(command, env=clean_environment({"TMPDIR": str(archive.parent)}), limit=LIMIT)
        docker("import", archive, reference, limit=LIMIT)
    except ProgramError as error:
        raise_if_full(error.detail, "a Debian root is made", archive)
        message = "a Debian root could not be made from Debian's packages"
        raise NetworkError(message, "check the network and the proxy (http_proxy)", error.detail) from error
    finally:
        archive.unlink(missing_ok=True)
