"""Small bundles for tests, of this checkout and for this machine unless a test says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lab.bundle_file import archive
from lab.bundle_file.fit import made_from, pythons, this_platform
from lab.bundle_file.opened import CHART, IMAGES, PACKAGES, PROGRAMS
from lab.paths import SOURCE

FILES = {
    f"{PACKAGES}/one-1-py3-none-any.whl": b"one" * 400,
    f"{PACKAGES}/two-2.tar.gz": b"",
    CHART: b"a chart",
    f"{PROGRAMS}/kind-1": b"a program",
    IMAGES: b"images" * 100,
}


def facts(**others: Any) -> dict[str, Any]:
    """The fields of a manifest, except its list of members."""
    fields = {
        "made_of": "v1",
        "made_from": made_from(SOURCE),
        "platform": this_platform(),
        "pythons": pythons(),
        "images": None,
    }
    return {**fields, **others}


def write_bundle(folder: Path, files: dict[str, bytes] | None = None, name: str = "lab.tar", **others: Any) -> Path:
    """A bundle in `folder` with these files and facts."""
    sources = {}
    for number, (member, content) in enumerate((FILES if files is None else files).items()):
        sources[member] = folder / f"source-{number}"
        sources[member].write_bytes(content)
    with (folder / name).open("wb") as stream:
        archive.write(stream, facts(**others), sources)
    for source in sources.values():
        source.unlink()
    return folder / name


def flip(file: Path, position: int) -> None:
    """Change one bit of one byte."""
    content = bytearray(file.read_bytes())
    content[position] ^= 1
    file.write_bytes(content)


def position_of(file: Path, content: bytes) -> int:
    return file.read_bytes().index(content)
