"""Adding synthetic employees to the end of the dataset, so that it can be tried again after a crash."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from lab.pipeline.errors import DatasetError, UsageError
from lab.pipeline.schema import ID_COLUMN, MAX_ID
from lab.pipeline.synthetic import csv_blocks
from lab.pipeline.table import READ_SIZE, Digest, Table, open_dataset, scan

ROW_KEY: Final = 2
"""How the rows of a new version are derived; its commit says so (`Data-Row-Key`). Without that trailer it is 1."""
_BASE_HINT: Final = "`dvc pull --force` fetches the version this run is based on"


@dataclass(frozen=True)
class Appended:
    """The dataset after the rows `first_id` to `last_id` were added.

    Where none were added, `first_id` is the id that would be next. `size` is in bytes, `md5` is that of the
    whole file, in hex.
    """

    rows_before: int
    rows_after: int
    first_id: int
    last_id: int
    md5: str
    size: int


def row_identity(row_key: int, dag: str, dataset: str, run_id: str) -> str:
    """What the rows of a run are derived from besides its base, as `append_rows` takes it.

    By row key 1 it is the run id alone, so that two DAGs with a run at the same time, or two datasets of one run, get
    the same rows; by row key 2 it is all three, none of which has a newline.

    Raises:
        UsageError: there is no such row key.
    """
    if row_key not in {1, ROW_KEY}:
        raise UsageError(f"rows by row key {row_key} are not known", "a newer lab made this version: use that one")
    return run_id if row_key == 1 else f"{dag}\n{dataset}\n{run_id}"


def append_rows(path: str | os.PathLike[str], rows: int, identity: str, base_md5: str, base_size: int) -> Appended:
    """Append `rows` employees to the version of the dataset that has `base_size` bytes and this md5.

    `identity` is what the rows are derived from besides that version: see row_identity.
    The added bytes depend on these arguments and that version alone. Whatever stands after the base version
    (from an attempt that was killed) is dropped first, so calling this again gives the same file. The base is
    read once and never written; memory is constant; on return the file is on disk (fsync(2)).

    Raises:
        UsageError: `rows` or `base_size` is negative.
        DatasetError: the file is missing, a link, not a sound dataset, or does not start with the base
            version; it is as it was.
        OSError: the disk refused, as when it is full; calling this again puts the file right.
    """
    for parameter, value in (("rows", rows), ("base_size", base_size)):
        if value < 0:
            raise UsageError(f"{parameter} is {value}: it must be 0 or more", f"give another `{parameter}`")
    name = Path(path).name
    with open_dataset(path, "r+b") as file:
        _check_file(Path(path), base_size)
        base, md5 = _read_base(file, name, base_md5, base_size)
        _check_ids(name, base, rows)
        file.truncate(base_size)
        file.seek(base_size)
        size = base_size
        for block in _addition(base, rows, identity):
            file.write(block)
            md5.update(block)
            size += len(block)
        file.flush()
        os.fsync(file.fileno())
    return Appended(base.rows, base.rows + rows, base.last_id + 1, base.last_id + rows, md5.hexdigest(), size)


def _addition(base: Table, rows: int, identity: str) -> Iterator[bytes]:
    """What to write after the base version; nothing where there are no rows to add."""
    if rows and not base.ends_with_newline:
        yield base.newline.encode()
    first = base.last_id + 1
    yield from csv_blocks(range(first, first + rows), _key(identity, base.md5), base.newline)


def _key(identity: str, base_md5: str) -> bytes:
    """A key of this pair's own: the md5 has a fixed length, `person` keeps other uses of BLAKE2b apart."""
    return hashlib.blake2b((base_md5 + identity).encode(), digest_size=32, person=b"lab/append/v1").digest()


def _check_file(path: Path, base_size: int) -> None:
    """Refuse what need not be read to be refused."""
    state = path.stat()
    # DVC can check out a file as a link into its cache; writing to it would change a stored version.
    if path.is_symlink() or state.st_nlink > 1:
        hint = f"`dvc unprotect {path.name}` replaces the link by a file"
        raise DatasetError(f"{path.name} is a link; what it points to must not change", hint)
    if state.st_size < base_size:
        fault = f"{path.name} has {state.st_size} bytes, fewer than its base version's {base_size}"
        raise DatasetError(fault, _BASE_HINT)


def _read_base(file: BinaryIO, name: str, base_md5: str, base_size: int) -> tuple[Table, Digest]:
    try:
        base, md5 = scan(file, name, base_size)
    except DatasetError:
        # Another version has a fault where this size cuts a row; "not the base version" is then the truth.
        _check_md5(name, _md5_of_start(file, base_size), base_md5)
        raise
    _check_md5(name, base.md5, base_md5)
    return base, md5


def _md5_of_start(file: BinaryIO, size: int) -> str:
    md5 = hashlib.md5(usedforsecurity=False)
    file.seek(0)
    while data := file.read(min(READ_SIZE, size)):
        md5.update(data)
        size -= len(data)
    return md5.hexdigest()


def _check_md5(name: str, actual: str, expected: str) -> None:
    if actual != expected:
        fault = f"{name} is not the base version: md5 {actual} instead of {expected}"
        raise DatasetError(fault, _BASE_HINT)


def _check_ids(name: str, base: Table, rows: int) -> None:
    if base.last_id + rows > MAX_ID:
        fault = f"{name}: {rows} more rows would take {ID_COLUMN} beyond 18 digits"
        raise DatasetError(fault, "number the employees again, from 1")
