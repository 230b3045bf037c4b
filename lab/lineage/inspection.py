"""Reads objects of the bucket, several at once, each once and as a stream: nothing of them touches the disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, TypeVar

import tenacity

from lab.access import Access
from lab.components import storage
from lab.errors import ServiceError
from lab.pipeline.errors import DatasetError
from lab.pipeline.table import READ_SIZE, scan

WORKERS = 8
"""Objects read at once. More do not help: the object store of a laptop is busy with fewer."""
ATTEMPTS = 3
"""How often an object is read if its stream is interrupted."""
Key = TypeVar("Key")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Wanted:
    """An object to read: `name` is what faults call it; at each of `marks` (bytes) the md5 so far is noted."""

    md5: str
    name: str
    marks: tuple[int, ...] = ()


@dataclass(frozen=True)
class Inspection:
    """What an object holds: bytes, their md5, rows (None if it is no sound dataset; `fault` says why).

    `size` is None where the bucket does not have it. `starts` are the md5s at the marks that it reaches.
    """

    size: int | None
    md5: str = ""
    rows: int | None = None
    last_id: int = 0
    fault: str = ""
    starts: dict[int, str] = field(default_factory=dict)


class Marked:
    """A stream that notes its md5 at given offsets; a read ends at such an offset."""

    def __init__(self, stream: Any, marks: Collection[int]) -> None:
        self.stream = stream
        self.marks = sorted(marks, reverse=True)
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.size = 0
        self.starts: dict[int, str] = {}

    def read(self, wanted: int) -> bytes:
        while self.marks and self.marks[-1] <= self.size:
            self.marks.pop()
        if self.marks:
            wanted = min(wanted, self.marks[-1] - self.size)
        data: bytes = self.stream.read(wanted)
        self.md5.update(data)
        self.size += len(data)
        if self.marks and self.size == self.marks[-1]:
            self.starts[self.size] = self.md5.copy().hexdigest()
        return data


def md5_of(access: Access, key: str, s3: Any) -> str | None:
    """The md5 of the bytes that the bucket has under this key; None if it has none."""

    def once() -> str | None:
        body = storage.open_object(access, key, s3)
        if body is None:
            return None
        stream = Marked(body, ())
        with storage.answering("GetObject"):
            while stream.read(READ_SIZE):
                pass
        return stream.md5.hexdigest()

    return again()(once)


def again() -> tenacity.Retrying:
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(ServiceError), stop=tenacity.stop_after_attempt(ATTEMPTS), reraise=True
    )


def inspect(access: Access, wanted: Wanted, s3: Any) -> Inspection:
    """Read one object of the bucket to its end.

    Raises:
        ServiceError: the object store does not answer, or its answers are interrupted repeatedly.
    """
    return again()(inspect_once, access, wanted, s3)


def inspect_once(access: Access, wanted: Wanted, s3: Any) -> Inspection:
    body = storage.open_object(access, storage.object_key(access, wanted.md5), s3)
    if body is None:
        return Inspection(None)
    stream = Marked(body, wanted.marks)
    rows: int | None = None
    last_id, fault = 0, ""
    with storage.answering("GetObject"):
        try:
            table = scan(stream, PurePosixPath(wanted.name).name)[0]  # type: ignore[arg-type]
            rows, last_id = table.rows, table.last_id
        except DatasetError as error:
            fault = error.message
            while stream.read(READ_SIZE):
                pass
    return Inspection(stream.size, stream.md5.hexdigest(), rows, last_id, fault, stream.starts)


def inspect_all(
    access: Access, wanted: Mapping[str, Wanted], s3: Any, progress: Callable[[str], None]
) -> dict[str, Inspection]:
    """Read all these objects, by md5."""
    return in_parallel(lambda md5: inspect(access, wanted[md5], s3), list(wanted), "objects read", progress)


def in_parallel(
    work: Callable[[Key], Result], keys: list[Key], what: str, progress: Callable[[str], None]
) -> dict[Key, Result]:
    """The result for each key; the first error ends it, and what has not begun then never does."""
    results: dict[Key, Result] = {}
    step = max(1, len(keys) // 20)
    with workers() as pool:
        begun = {pool.submit(work, key): key for key in keys}
        for done in as_completed(begun):
            results[begun[done]] = done.result()
            if len(results) % step == 0:
                progress(f"{len(results)} of {len(keys)} {what}")
    return results


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(WORKERS)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
