"""Released programs, downloaded and held to their checksum; kept for all checkouts of this person."""

from __future__ import annotations

import hashlib
import os
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lab.errors import CheckFailedError
from lab.paths import Paths
from lab.pins import pins

CONNECT, READ = 1.5, 20.0
"""Seconds without a connection, and without a further byte, after which nothing more is tried: a build does as well."""


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
    # The machine's own certificates: networks that sign TLS anew have theirs there.
    context = ssl.create_default_context()
    timeout = httpx.Timeout(READ, connect=CONNECT)
    with httpx.Client(timeout=timeout, verify=context, follow_redirects=True) as client:
        for name in names:
            tool = pins()["tools"].get(name, {})
            checksum = tool.get("sha256", {}).get(f"{system}-{architecture}")
            if not checksum:
                continue
            file = paths.machine_cache / "programs" / f"{name}-{tool['version']}-{system}-{architecture}"
            if not file.exists():
                note(f"downloading {name} {tool['version']}")
                url = tool["url"].format(version=tool["version"], system=system, architecture=architecture)
                try:
                    fetch(client, url, file, checksum)
                except (httpx.HTTPError, OSError):
                    break
            found[name] = file
    return found


def fetch(client: Any, url: str, target: Path, checksum: str) -> None:
    """Write what `url` has to `target`, which appears only when it is whole and right."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    digest = hashlib.sha256()
    try:
        with client.stream("GET", url) as answer, partial.open("wb") as stream:
            answer.raise_for_status()
            for block in answer.iter_bytes():
                digest.update(block)
                stream.write(block)
        if digest.hexdigest() != checksum:
            message = f"{url} has the sha256 {digest.hexdigest()}, expected {checksum}"
            raise CheckFailedError(message, "nothing of it was kept; try another network, or report it")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
