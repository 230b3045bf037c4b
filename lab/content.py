"""Hashes of content: over files, as an image's reference needs it, and over what JSON can hold."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

DIGITS = 12
IGNORED = {"__pycache__", ".DS_Store"}


def tree(folder: Path, *, without: Iterable[str] = ()) -> Iterator[bytes]:
    """Each file of a folder (or the one file) by its path, whether it can be run, and its bytes; in a fixed order."""
    if not folder.is_dir():
        yield from entry(folder, folder.name)
        return
    skipped = IGNORED | set(without)
    for file in sorted(folder.rglob("*")):
        relative = file.relative_to(folder)
        if not skipped.intersection(relative.parts) and (file.is_symlink() or file.is_file()):
            yield from entry(file, relative.as_posix())


def entry(file: Path, name: str) -> Iterator[bytes]:
    yield name.encode()
    if file.is_symlink():
        yield b"link " + str(file.readlink()).encode()
    else:
        yield b"program" if os.access(file, os.X_OK) else b"file"
        yield file.read_bytes()


def content_hash(parts: Iterable[bytes]) -> str:
    """The first digits of content_digest."""
    return content_digest(parts)[:DIGITS]


def content_digest(parts: Iterable[bytes]) -> str:
    """The SHA-256 over `parts`, in hex; no two different lists of parts run into the same bytes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def json_digest(content: Any) -> str:
    """The first digits of the SHA-256 of what JSON can hold. Secrets in it are random and long: none can be guessed."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:DIGITS]
