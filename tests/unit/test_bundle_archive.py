"""The file of a bundle: what goes in comes out, anything else is refused and named."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import pytest

from lab.bundle_file import archive
from lab.errors import CheckFailedError, HostError, LabError
from tests.unit.bundles import FILES, facts, flip, write_bundle

LARGE = {"large": bytes(range(256)) * 8192, "empty": b"", "block": b"x" * archive.BLOCK}


def taken(file: Path) -> dict[str, bytes]:
    """Everything in it, read to the end and so checked."""
    return {member.name: b"".join(content) for member, content in archive.contents(archive.read(file))}


def part_at(file: Path, position: int) -> str:
    """The part of a sound bundle that a byte belongs to."""
    with tarfile.open(file) as sound:
        starts = {member.offset: member.name for member in sound.getmembers()}
    if position >= file.stat().st_size - len(archive.END):
        return "the end of the file"
    return starts[max(start for start in starts if start <= position)]


@pytest.mark.parametrize("files", [FILES, LARGE, {}])
def test_what_goes_in_comes_out(tmp_path: Path, files: dict[str, bytes]) -> None:
    file = write_bundle(tmp_path, files)
    assert taken(file) == files
    bundle = archive.read(file)
    assert {name: b"".join(archive.content(bundle, name)) for name in files} == files
    assert {name: value for name, value in bundle.manifest.items() if name in facts()} == facts()


def test_equal_contents_make_equal_bundles(tmp_path: Path) -> None:
    first, second = write_bundle(tmp_path), write_bundle(tmp_path, name="other.tar")
    assert first.read_bytes() == second.read_bytes()
    assert archive.read(first).digest == archive.read(second).digest


def test_tar_reads_it_and_its_manifest_has_the_checksums(tmp_path: Path) -> None:
    with tarfile.open(write_bundle(tmp_path)) as bundle:
        bundle.extractall(tmp_path / "out", filter="data")
    out = tmp_path / "out"
    manifest = (out / archive.MANIFEST).read_bytes()
    line = (out / archive.CHECKSUM).read_text("utf-8")
    assert line == f"{hashlib.sha256(manifest).hexdigest()}  {archive.MANIFEST}\n"
    assert {name: (out / name).read_bytes() for name in FILES} == FILES


def test_a_changed_bit_is_refused_wherever_it_is_and_its_part_named(tmp_path: Path) -> None:
    file = write_bundle(tmp_path)
    sound = file.read_bytes()
    parts = [part_at(file, position) for position in range(0, len(sound), archive.BLOCK)]
    for position in range(0, len(sound), 11):
        flip(file, position)
        with pytest.raises(LabError) as refused:
            taken(file)
        assert "lab.tar" in refused.value.message, position
        found, part = refused.value.message, parts[position // archive.BLOCK]
        # A changed checksum contradicts the manifest.
        assert part in found or (part == archive.CHECKSUM and archive.MANIFEST in found), (position, found)
        file.write_bytes(sound)
    assert taken(file) == FILES


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    file = write_bundle(tmp_path)
    sound = file.read_bytes()
    for size in range(0, len(sound), 37):
        file.write_bytes(sound[:size])
        with pytest.raises(LabError, match=r"truncated at|not a bundle"):
            taken(file)


def test_bytes_after_the_end_are_refused(tmp_path: Path) -> None:
    file = write_bundle(tmp_path)
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(CheckFailedError, match="the end of the file"):
        taken(file)


def test_the_content_of_one_member_is_checked_as_well(tmp_path: Path) -> None:
    file = write_bundle(tmp_path, {"a": b"a" * 600, "b": b"b" * 600})
    bundle = archive.read(file)
    flip(file, file.read_bytes().index(b"bbb"))
    assert b"".join(archive.content(bundle, "a")) == b"a" * 600
    with pytest.raises(CheckFailedError, match="damaged: b: sha256"):
        b"".join(archive.content(bundle, "b"))


@pytest.mark.parametrize("content", [b"", b"no bundle", bytes(4096)])
def test_another_file_is_no_bundle(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(HostError, match="not a bundle of this lab"):
        archive.read(tmp_path / "other")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for place in (tmp_path / "none.tar", tmp_path):
        with pytest.raises(HostError, match=str(place)):
            archive.read(place)


def test_a_bundle_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="format 2, not 1"):
        archive.read(write_bundle(tmp_path, format=2))


@pytest.mark.parametrize("name", ["../outside", "/outside", "packages/../../outside"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckFailedError, match="outside"):
        taken(write_bundle(tmp_path, {name: b""}))
