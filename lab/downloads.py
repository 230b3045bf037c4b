"""Released programs, downloaded and verified by checksum; kept for all checkouts of this user."""

from __future__ import annotations

import hashlib
import os
import ssl
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import CheckFailedError
from lab.paths import Paths
from lab.pins import pins

CONNECT, READ = 1.5, 20.0
"""Seconds without a connection, and without a further byte, after which downloads are given up for a build."""


def download(
    paths: Paths, names: Sequence[str], system: str, architecture: str, note: Callable[[str], None]
) -> dict[str, Path]:
    """Those of `names` that could be downloaded for this kind of machine, as files.

    The first address that does not answer ends it: the others would cost as long again.

    Raises:
        CheckFailedError: what came is not what the checksum says.
    """
    import httpx

    found: dict[str, Path] = {}
    # The machine's own certificates: networks that intercept TLS have theirs there.
    context = ssl.create_default_context()
    timeout = httpx.Timeout(READ, connect=CONNECT)
    with httpx.Client(timeout=timeout, verify=context, follow_redirects=True) as client:
        for name in names:
            release = ToolRelease.of(name, f"{system}-{architecture}")
            if release is None:
                continue
            file = paths.machine_cache / "programs" / f"{name}-{release.version}-{system}-{architecture}"
            if not file.exists():
                note(f"downloading {name} {release.version}")
                try:
                    fetch(client, release, file)
                except (httpx.HTTPError, OSError):
                    break
            found[name] = file
    return found


@dataclass(frozen=True)
class ToolRelease:
    """One program as it is released for one kind of machine."""

    version: str
    url: str
    checksum: str
    member: str
    """Its place in the archive at `url`; empty if that is the program itself."""

    @classmethod
    def of(cls, name: str, machine: str) -> ToolRelease | None:
        """What lab/pins.toml says of it; None without a checksum for this kind of machine (`linux-amd64`)."""
        pinned = pins()["tools"].get(name, {})
        checksum = pinned.get("sha256", {}).get(machine)
        if not checksum:
            return None
        system, architecture = machine.split("-")
        parts = {"version": pinned["version"], "system": system, "architecture": architecture}
        member = pinned.get("member", "").format(**parts)
        return cls(pinned["version"], pinned["url"].format(**parts), checksum, member)


def fetch(client: Any, release: ToolRelease, target: Path) -> None:
    """Write the released program to `target`, which appears only when it is complete and correct."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    digest = hashlib.sha256()
    try:
        with client.stream("GET", release.url) as answer, partial.open("wb") as stream:
            answer.raise_for_status()
            for block in answer.iter_bytes():
                digest.update(block)
                stream.write(block)
        if digest.hexdigest() != release.checksum:
            message = f"{release.url} has the sha256 {digest.hexdigest()}, expected {release.checksum}"
            raise CheckFailedError(message, "nothing of it was kept; try another network, or report it")
        if release.member:
            unpack(partial, release.member)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def unpack(file: Path, member: str) -> None:
    """Replace an archive with one of its members."""
    with tarfile.open(file) as archive:
        content = archive.extractfile(member)
        if content is None:
            raise CheckFailedError(f"the archive holds no {member}", "report it")
        program = content.read()
    file.write_bytes(program)
