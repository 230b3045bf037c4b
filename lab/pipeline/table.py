"""Reading the dataset once, from front to back, to learn what it holds and whether it is sound.

The file is CSV as in RFC 4180: quoted fields may hold commas, doubled quotes and line breaks; lines end with
LF or CRLF. What a row means is decided in one place, by the csv module, row by row. That is slow for a large
file, so a block of lines is first shown to be sound by a few passes in C (`_Scan._plain`). Only a block for
which that proof fails (it holds a quote, say, or a fault) is read row by row: accepted, or its fault named.
"""

import csv
import hashlib
import os
import re
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from operator import lt
from pathlib import Path
from typing import BinaryIO, Final, Literal, NoReturn, Protocol

from lab.pipeline.errors import DatasetError
from lab.pipeline.schema import HEADER, ID_COLUMN, header_fault, shown

# Longest row in bytes, its line break included. It bounds memory where a quote is never closed, and is the
# csv module's own limit for a field. READ_SIZE must not exceed it: then only the first line of a block can.
MAX_ROW: Final = 131_072
READ_SIZE: Final = 65_536  # from 128 KiB on, glibc's malloc maps each block separately: a sixth slower

_SEPARATORS: Final = b"," * (len(HEADER) - 1)
_NOT_SEPARATORS: Final = bytes(set(range(256)) - set(b",\r\n"))
_ID: Final = re.compile(r"[0-9]{1,18}")  # 18 digits: up to MAX_ID
_PLAIN_ID: Final = re.compile(rb"\n([0-9]{1,18}),")  # a literal first byte lets it skip ahead by memchr(3)

QUOTE_HINT: Final = 'a field that starts with " must end with ", and a " inside it is written twice'
UTF8_HINT: Final = "save the file as UTF-8 without byte order mark"
_OPEN_HINT: Final = "it must be a file that this user may read and write"
LINE_HINT: Final = "lines end with LF or CRLF; is this the right file?"
HEADER_HINT: Final = "the columns and their order are fixed: " + ", ".join(HEADER)
ID_HINT: Final = f"{ID_COLUMN} is digits only, at most 18, and rises from row to row"
ROW_HINT: Final = f"a row has {len(HEADER)} fields; a field that holds a comma must be in double quotes"


class Digest(Protocol):
    """A running hash, as hashlib makes them."""

    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True)
class Table:
    r"""What a sound dataset holds.

    `rows` counts data rows; `last_id` is the highest Employee ID, 0 where there are no rows; `newline` is how
    the header line ends, "\n" where it has no end; `size` is in bytes; `md5` is that of these bytes, in hex.
    """

    rows: int
    last_id: int
    newline: str
    ends_with_newline: bool
    size: int
    md5: str


def inspect(path: str | os.PathLike[str]) -> Table:
    """Read the dataset at `path` once, in constant memory.

    Raises:
        DatasetError: the file is missing or is not a sound dataset; the first fault is named with its line.
    """
    with open_dataset(path, "rb") as file:
        return scan(file, Path(path).name)[0]


def open_dataset(path: str | os.PathLike[str], mode: Literal["rb", "r+b"]) -> BinaryIO:
    """Open the dataset in this mode; DatasetError where that fails."""
    try:
        return Path(path).open(mode)
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file", "`dvc pull` fetches the dataset of a commit") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be opened: {error.strerror}", _OPEN_HINT) from error


def scan(file: BinaryIO, name: str, size: int = sys.maxsize) -> tuple[Table, Digest]:
    """Read at most `size` bytes of `file` from where it stands; `name` is what errors call it.

    Returns what it holds, and the md5, to be carried on over bytes that are appended. Raises DatasetError.
    """
    reading = _Scan(file, name, size)
    reading.run()
    return reading.table(), reading.md5


class _Scan:
    """One pass over a file. `line` counts the lines that were read, the header's included."""

    def __init__(self, file: BinaryIO, name: str, limit: int) -> None:
        self.name = name
        self.md5: Digest = hashlib.md5(usedforsecurity=False)
        self.size = self.rows = self.line = 0
        self.last_id = -1
        self.newline = b"\n"
        self._blocks = self._read_blocks(file, limit)
        self._ends_with_newline = False
        # Reading row by row: the block's lines still to come; of the row at hand its first line's number, its
        # length so far in bytes, and its latest line.
        self._reader = csv.reader(self._lines(), strict=True)
        self._pending: deque[bytes] = deque()
        self._start = 1
        self._length = 0
        self._raw = b""

    def run(self) -> None:
        self._header()
        self._pending_rows()
        for block in self._blocks:
            if not self._plain(block):
                self._pending.extend(BytesIO(block))
                self._pending_rows()

    def table(self) -> Table:
        return Table(
            rows=self.rows,
            last_id=max(self.last_id, 0),
            newline=self.newline.decode(),
            ends_with_newline=self._ends_with_newline,
            size=self.size,
            md5=self.md5.hexdigest(),
        )

    def _read_blocks(self, file: BinaryIO, limit: int) -> Iterator[bytes]:
        """The file in blocks of whole lines; only the last may lack its line break."""
        rest = b""
        while data := file.read(min(READ_SIZE, limit - self.size)):
            self.size += len(data)
            self.md5.update(data)
            self._ends_with_newline = data.endswith(b"\n")
            if len(rest) + (data.find(b"\n") + 1 or len(data)) > MAX_ROW:
                self._fail(self.line + 1, f"the line is longer than {MAX_ROW:,} bytes", LINE_HINT)
            if whole := data.rfind(b"\n") + 1:
                yield rest + data[:whole]
                rest = b""
            rest += data[whole:]
        if rest:
            yield rest

    def _plain(self, block: bytes) -> bool:
        """Whether the block needs no closer look; then its rows are counted. False proves nothing.

        Without quotes, commas and line breaks are separators and nothing else. So what remains when all other
        bytes are dropped must be one row's separators, again and again: two faults cannot cancel out.
        """
        if b'"' in block or b"\0" in block or not block.endswith(b"\n"):
            return False
        row = _SEPARATORS + self.newline
        separators = block.translate(None, _NOT_SEPARATORS)
        rows = len(separators) // len(row)
        if separators != row * rows:
            return False
        ids = [self.last_id, *map(int, _PLAIN_ID.findall(b"\n" + block))]
        if len(ids) != rows + 1 or not all(map(lt, ids, islice(ids, 1, None))) or not _is_utf8(block):
            return False
        self.rows += rows
        self.line += rows
        self.last_id = ids[-1]
        return True

    def _lines(self) -> Iterator[str]:
        """The lines to be read row by row: what is pending, then, where a row continues, the next block."""
        for block in self._blocks:
            self._pending.extend(BytesIO(block))
            while self._pending:
                self._raw = self._pending.popleft()
                self.line += 1
                self._length += len(self._raw)
                yield self._text()
        if self._length:
            self._fail(self._start, "a quote is opened and never closed", QUOTE_HINT)

    def _text(self) -> str:
        if self._length > MAX_ROW:
            self._fail(self._start, f"the row is longer than {MAX_ROW:,} bytes", QUOTE_HINT)
        if b"\0" in self._raw:
            self._fail(self.line, f"byte {self._raw.index(0) + 1} is NUL", f"is it UTF-16? {UTF8_HINT}")
        try:
            return self._raw.decode()
        except UnicodeDecodeError as error:
            self._fail(self.line, f"byte {error.start + 1} is not valid UTF-8", UTF8_HINT)

    def _record(self) -> list[str]:
        """The fields of the next row; none for a blank line, and none at the end of the file."""
        self._start = self.line + 1
        self._length = 0
        try:
            fields = next(self._reader, [])
        except csv.Error as error:
            # Two complaints can come here; wordings differ by version, but only this one has these words.
            if "expected after" in str(error):
                self._fail(self.line, "text follows a closing quote", QUOTE_HINT)
            self._fail(self.line, "a carriage return stands alone", LINE_HINT)
        if self._raw.endswith((b"\r\r\n", b"\r")):  # which the csv module lets pass
            self._fail(self.line, "a carriage return stands alone", LINE_HINT)
        return fields

    def _header(self) -> None:
        found = self._record()
        if not self.size:
            raise DatasetError(f"{self.name} is empty", f"its first line must name the {len(HEADER)} columns")
        if found and found[0].startswith("\ufeff"):
            self._fail(1, "the file starts with a byte order mark (EF BB BF)", UTF8_HINT)
        if fault := header_fault(found):
            self._fail(1, fault, HEADER_HINT)
        if self._raw.endswith(b"\r\n"):
            self.newline = b"\r\n"

    def _pending_rows(self) -> None:
        while self._pending:
            fields = self._record()
            if not fields:
                self._fail(self._start, "the line is blank", "remove blank lines, those at the end too")
            if len(fields) != len(HEADER):
                fault = f"{len(fields)} field{'s' * (len(fields) > 1)} instead of {len(HEADER)}"
                self._fail(self._start, fault, ROW_HINT)
            self._number(fields[0])

    def _number(self, text: str) -> None:
        """Count a row with this Employee ID."""
        if not _ID.fullmatch(text):
            self._fail(self._start, f"{ID_COLUMN} {shown(text)} is not a whole number", ID_HINT)
        number = int(text)
        if number <= self.last_id:
            fault = "occurs twice" if number == self.last_id else f"comes after {self.last_id}"
            self._fail(self._start, f"{ID_COLUMN} {number} {fault}", ID_HINT)
        self.last_id = number
        self.rows += 1

    def _fail(self, line: int, what: str, hint: str) -> NoReturn:
        raise DatasetError(f"{self.name}, line {line}: {what}", hint)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
