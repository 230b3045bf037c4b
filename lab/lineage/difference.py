"""The rows in which two versions of a dataset differ, by Employee ID.

Both are read as streams, side by side: they are sorted by that id, so memory is constant whatever their size. What they
begin with alike, byte for byte, is passed over without a look at its rows: a run only appends.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from lab.pipeline.schema import ID_COLUMN
from lab.pipeline.table import READ_SIZE

SHOWN = 5
"""How many rows of each kind are shown."""
Row = tuple[int, dict[str, str]]


class Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass
class Difference:
    """Rows only in the version, only in its base, and in both with other values; the first few of each, by id.

    `columns` are those that only one of them has. `fault` says why they can't be compared (further), or is empty.
    """

    added: int = 0
    removed: int = 0
    changed: int = 0
    columns: list[str] = field(default_factory=list)
    first_added: list[int] = field(default_factory=list)
    first_removed: list[int] = field(default_factory=list)
    first_changed: list[dict[str, Any]] = field(default_factory=list)
    fault: str = ""

    def note_added(self, number: int) -> None:
        self.added += 1
        if self.added <= SHOWN:
            self.first_added.append(number)

    def note_removed(self, number: int) -> None:
        self.removed += 1
        if self.removed <= SHOWN:
            self.first_removed.append(number)

    def note_changed(self, number: int, before: dict[str, str], after: dict[str, str]) -> None:
        values = {name: [before[name], after[name]] for name in before if name in after and before[name] != after[name]}
        if values:
            self.changed += 1
            if self.changed <= SHOWN:
                self.first_changed.append({"id": number, "values": values})


class UnsortedError(Exception):
    """The rows cannot be compared by id; the text says where and why. Never leaves this module."""


class Side:
    """One of the two files: a buffer of what was read and not yet used, then the stream."""

    def __init__(self, stream: Stream, name: str) -> None:
        self.stream = stream
        self.name = name
        self.buffer = b""

    def fill(self) -> None:
        """Fill the buffer to at least READ_SIZE bytes, or to the end of the stream."""
        while len(self.buffer) < READ_SIZE and (data := self.stream.read(READ_SIZE)):
            self.buffer += data

    def lines(self) -> Iterator[str]:
        while True:
            *whole, self.buffer = self.buffer.split(b"\n")
            for line in whole:
                yield line.decode("utf-8", "replace") + "\n"
            data = self.stream.read(READ_SIZE)
            if not data:
                break
            self.buffer += data
        if self.buffer:
            yield self.buffer.decode("utf-8", "replace")

    def header(self) -> list[str]:
        """The names in the first line, which is used up with that."""
        self.fill()
        line, _, self.buffer = self.buffer.partition(b"\n")
        try:
            return next(csv.reader([line.decode("utf-8", "replace")]), [])
        except csv.Error as error:
            raise UnsortedError(f"the header of {self.name} cannot be read: {error}") from None

    def rows(self, header: list[str]) -> Iterator[Row]:
        """The rows that are left, with their ids, which must rise."""
        last, place = -1, header.index(ID_COLUMN)
        for fields in csv.reader(self.lines()):
            try:
                number = int(fields[place])
            except (IndexError, ValueError):
                raise UnsortedError(f"a row of {self.name} after {ID_COLUMN} {last} has no id") from None
            if number <= last:
                raise UnsortedError(f"{self.name} is not sorted: {ID_COLUMN} {number} comes after {last}")
            last = number
            yield number, dict(zip(header, fields, strict=False))


def difference(base: Stream, version: Stream) -> Difference:
    """The rows that only `version` has, only `base` has, and that differ; both are read at most once."""
    before, after = Side(base, "its base"), Side(version, "the version")
    try:
        headers = before.header(), after.header()
    except UnsortedError as error:
        return Difference(fault=str(error))
    found = Difference(columns=sorted(set(headers[0]) ^ set(headers[1])))
    for side, header in zip((before, after), headers, strict=True):
        if ID_COLUMN not in header:
            found.fault = f"{side.name} has no column {ID_COLUMN!r}"
            return found
    if headers[0] == headers[1]:
        skip_alike(before, after)
    try:
        merge(before.rows(headers[0]), after.rows(headers[1]), found)
    except (UnsortedError, csv.Error) as error:
        found.fault = str(error)
    return found


def skip_alike(before: Side, after: Side) -> None:
    """Skip the whole lines that both have in common; stop at a quote, as a line may then be half a row."""
    while True:
        before.fill()
        after.fill()
        length = min(len(before.buffer), len(after.buffer))
        alike = before.buffer[:length]
        used = alike.rfind(b"\n") + 1
        if not used or b'"' in alike or alike != after.buffer[:length]:
            return
        before.buffer, after.buffer = before.buffer[used:], after.buffer[used:]


def merge(before: Iterator[Row], after: Iterator[Row], found: Difference) -> None:
    old, new = next(before, None), next(after, None)
    while old or new:
        if new is None or (old is not None and old[0] < new[0]):
            assert old is not None  # noqa: S101 - the loop's own condition
            found.note_removed(old[0])
            old = next(before, None)
        elif old is None or new[0] < old[0]:
            found.note_added(new[0])
            new = next(after, None)
        else:
            if old[1] != new[1]:
                found.note_changed(old[0], old[1], new[1])
            old, new = next(before, None), next(after, None)
