"""The images of a bundle: from Docker into one compressed archive, and back, without an intermediate file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lab.bundle_file.archive import AGAIN, Bundle, Member, content
from lab.bundle_file.opened import IMAGES
from lab.docker import docker, docker_reads, docker_writes
from lab.errors import CheckFailedError, ProgramError
from lab.images.trouble import raise_if_full

Note = Callable[[str], None]
LEVEL = 6
"""Half the time of level 9, and a tenth larger."""
MIB = 1 << 20


def save(references: Sequence[str], target: Path, note: Note) -> None:
    """Write these images to `target`; shared layers are in it once.

    Raises:
        ProgramError: Docker failed.
    """
    from backports import zstd

    parameter = zstd.CompressionParameter
    options: dict[int, int] = {
        parameter.compression_level: LEVEL,
        parameter.nb_workers: os.cpu_count() or 1,
        parameter.checksum_flag: 1,
    }
    size = 0
    with zstd.open(target, "wb", options=options) as packed:
        for chunk in docker_writes("save", *references):
            packed.write(chunk)
            size += len(chunk)
            note(f"packing the images: {size // MIB // 100 * 100:,} MiB")


def load(bundle: Bundle, references: Sequence[str], note: Note) -> None:
    """Give Docker the images of the bundle, of which it lacks `references`.

    Raises:
        CheckFailedError: the bundle has been damaged since it was opened; Docker has none of them then.
        HostError: the bundle is gone, or the disk is full.
        ProgramError: Docker failed.
    """
    member = next(member for member in bundle.members if member.name == IMAGES)
    note("checking the images")
    for _ in content(bundle, member.name):  # to its end, where the checksum is verified, before Docker unpacks a byte
        pass
    try:
        docker_reads("load", "--quiet", chunks=unpacked(bundle, member, note))
    except CheckFailedError:
        docker("image", "rm", *references, check=False)
        raise
    except ProgramError as error:
        raise_if_full(error.detail, "the images of the bundle are loaded", bundle.file)
        raise


def unpacked(bundle: Bundle, member: Member, note: Note) -> Iterator[bytes]:
    from backports import zstd

    decompressor, done = zstd.ZstdDecompressor(), 0
    try:
        for chunk in content(bundle, member.name):
            yield decompressor.decompress(chunk)
            done += len(chunk)
            note(f"unpacking the images: {done * 10 // member.size * 10} %")
    except zstd.ZstdError as error:
        raise CheckFailedError(f"the bundle {bundle.file.name} is damaged: {IMAGES}: {error}", AGAIN) from error
