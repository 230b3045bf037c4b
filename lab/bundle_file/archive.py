"""The file of a bundle: a tar in which no byte can change undetected. Standard library only: bootstrap.py reads it too.

Its members, in this order: `manifest.sha256`, `manifest.json`, and those that the manifest lists with size and SHA-256.
Headers and padding follow from names and sizes alone, so they are checked too; `tar` and `sha256sum` can read it all.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from lab.errors import CheckFailedError, HostError

FORMAT = 1
CHECKSUM, MANIFEST = "manifest.sha256", "manifest.json"
BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
CHUNK = 1 << 20
LARGEST_MANIFEST = 16 << 20
AGAIN = "copy it again from where it was made, or make a new one: make lab-bundle"


@dataclass(frozen=True)
class Member:
    """One file in a bundle, as its manifest lists it."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Bundle:
    """A bundle with its manifest read and checked, but not its other members."""

    file: Path
    digest: str
    """Of the manifest, and so of everything."""
    start: int
    """Where the first of the members that the manifest lists begins."""
    manifest: Mapping[str, Any]

    @property
    def members(self) -> list[Member]:
        return [Member(**member) for member in self.manifest["members"]]


def header(name: str, size: int) -> bytes:
    """The header of a member, without owner and time, so that equal contents make equal bundles."""
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry.tobuf(tarfile.GNU_FORMAT)


def padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


def length(name: str, size: int) -> int:
    return len(header(name, size)) + size + len(padding(size))


def checksum_line(manifest: bytes) -> bytes:
    return f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()


def checksum_line_of(bundle: Bundle) -> str:
    """What `manifest.sha256` of the bundle holds; a signature is over this."""
    return f"{bundle.digest}  {MANIFEST}\n"


def write(target: BinaryIO, facts: Mapping[str, Any], files: Mapping[str, Path]) -> None:
    """Write a bundle with these files under these names; `facts` go into its manifest."""
    members = [Member(name, file.stat().st_size, sha256(file)) for name, file in files.items()]
    listed = {"format": FORMAT, **facts, "members": [vars(member) for member in members]}
    manifest = json.dumps(listed, indent=1, sort_keys=True).encode()
    for name, content in ((CHECKSUM, checksum_line(manifest)), (MANIFEST, manifest)):
        target.write(header(name, len(content)) + content + padding(len(content)))
    for member in members:
        target.write(header(member.name, member.size))
        target.writelines(chunks(files[member.name]))
        target.write(padding(member.size))
    target.write(END)


def chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def sha256(file: Path) -> str:
    digest = hashlib.sha256()
    for chunk in chunks(file):
        digest.update(chunk)
    return digest.hexdigest()


def read(file: Path) -> Bundle:
    """The bundle, its manifest checked.

    Raises:
        HostError: there is no such file, or it is no bundle that this lab can read.
        CheckFailedError: the manifest is damaged.
    """
    line = checksum_line(b"")
    with Reader.opened(file) as reader:
        if reader.stream.read(BLOCK) != header(CHECKSUM, len(line)):
            raise HostError(f"{file} is not a bundle of this lab, or is damaged: {CHECKSUM}", AGAIN)
        checksum = reader.exactly(len(line), CHECKSUM)
        reader.expect(padding(len(line)), CHECKSUM)
        # Its size is only in its header; the rest of the header follows from it.
        start = reader.exactly(BLOCK, MANIFEST)
        size = octal(start[124:136])
        if not 0 < size < LARGEST_MANIFEST or start != header(MANIFEST, size):
            raise reader.damaged(MANIFEST)
        content = reader.exactly(size, MANIFEST)
        reader.expect(padding(size), MANIFEST)
        if checksum_line(content) != checksum:
            raise reader.damaged(MANIFEST)
        end = reader.stream.tell()
    manifest = json.loads(content)
    if manifest["format"] != FORMAT:
        raise HostError(f"{file} is a bundle of another lab: format {manifest['format']}, not {FORMAT}", AGAIN)
    return Bundle(file, checksum[:64].decode(), end, manifest)


def octal(field: bytes) -> int:
    digits = field.rstrip(b"\0 ")
    return int(digits, 8) if digits.isdigit() and not set(digits) & set(b"89") else 0


def contents(bundle: Bundle) -> Iterator[tuple[Member, Iterator[bytes]]]:
    """Each member with its content, in order. Each content must be read to its end, where it is checked.

    Raises:
        CheckFailedError: a byte is not what it was, or the file is truncated; the member is named.
    """
    with Reader.opened(bundle.file) as reader:
        reader.stream.seek(bundle.start)
        for member in bundle.members:
            # A checksum does not make a name harmless: nothing is written outside the target folder.
            if PurePosixPath(member.name).is_absolute() or ".." in PurePosixPath(member.name).parts:
                raise reader.damaged(member.name, "no name for a file in a bundle")
            yield member, reader.content(member)
        reader.expect(END, "the end of the file")
        if reader.stream.read(1):
            raise reader.damaged("the end of the file")


def content(bundle: Bundle, name: str) -> Iterator[bytes]:
    """One member's content; at its end it is checked, as in `contents`."""
    position = bundle.start
    with Reader.opened(bundle.file) as reader:
        for member in bundle.members:
            if member.name == name:
                reader.stream.seek(position)
                yield from reader.content(member)
                return
            position += length(member.name, member.size)


@dataclass(frozen=True)
class Reader:
    """Reads a bundle from start to end, and trusts nothing in it."""

    file: Path
    stream: BinaryIO

    @classmethod
    def opened(cls, file: Path) -> closing[Reader]:
        try:
            return closing(cls(file, file.open("rb")))
        except OSError as error:
            hint = "name the file that make lab-bundle wrote: make lab-up BUNDLE=file"
            raise HostError(f"the bundle {file} cannot be read: {error.strerror}", hint) from error

    def close(self) -> None:
        self.stream.close()

    def exactly(self, size: int, name: str) -> bytes:
        found = self.stream.read(size)
        if len(found) < size:
            raise CheckFailedError(f"the bundle {self.file.name} is truncated at {name}", AGAIN)
        return found

    def expect(self, expected: bytes, name: str) -> None:
        if self.exactly(len(expected), name) != expected:
            raise self.damaged(name)

    def content(self, member: Member) -> Iterator[bytes]:
        self.expect(header(member.name, member.size), member.name)
        digest, left = hashlib.sha256(), member.size
        while left:
            chunk = self.exactly(min(left, CHUNK), member.name)
            digest.update(chunk)
            left -= len(chunk)
            yield chunk
        self.expect(padding(member.size), member.name)
        if digest.hexdigest() != member.sha256:
            raise self.damaged(member.name, f"sha256 {digest.hexdigest()}, expected {member.sha256}")

    def damaged(self, name: str, difference: str = "it is not what it was") -> CheckFailedError:
        return CheckFailedError(f"the bundle {self.file.name} is damaged: {name}: {difference}", AGAIN)
