"""Reads the log of a service that writes to a file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from lab.proc import tail

WINDOW = 500_000
"""Bytes that are read from the end of a log."""


def last_lines(file: Path, lines: int) -> str:
    return tail(file.read_bytes()[-WINDOW:], lines) if file.exists() else ""


def follow(file: Path) -> Iterator[str]:
    """What is added, until the caller stops; a log that was rotated is read from its start."""
    position = file.stat().st_size if file.exists() else 0
    while True:
        size = file.stat().st_size if file.exists() else 0
        position = min(position, size) if size >= position else 0
        if size > position:
            with file.open("rb") as stream:
                stream.seek(position)
                yield stream.read().decode("utf-8", "replace")
                position = stream.tell()
        time.sleep(0.3)
