"""Reading a dataset: what is found in sound files, and the exact words about broken ones."""

import csv
import hashlib
import tracemalloc
from io import StringIO
from pathlib import Path

import pytest

from lab.pipeline import table
from lab.pipeline.errors import DatasetError
from lab.pipeline.schema import HEADER
from lab.pipeline.synthetic import employee, generate
from lab.pipeline.table import MAX_ROW, READ_SIZE, Table, inspect

HEAD = ",".join(HEADER).encode()
TAIL = b",x" * 24
BOM = b"\xef\xbb\xbf"
UTF_16 = b"\xff\xfe" + HEAD.decode().encode("utf-16-le")


def row(number: object) -> bytes:
    return str(number).encode() + TAIL


def plain(*numbers: int) -> bytes:
    return b"".join(row(number) + b"\n" for number in numbers)


def found(path: Path, data: bytes) -> Table:
    path.write_bytes(data)
    return inspect(path)


def fault(path: Path, data: bytes) -> DatasetError:
    with pytest.raises(DatasetError) as caught:
        found(path, data)
    return caught.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "d.csv"


@pytest.mark.parametrize(
    ("data", "rows", "last_id", "newline", "ended"),
    [
        (HEAD, 0, 0, "\n", False),
        (HEAD + b"\n", 0, 0, "\n", True),
        (HEAD + b"\r\n", 0, 0, "\r\n", True),
        (HEAD + b"\n" + plain(0), 1, 0, "\n", True),
        (HEAD + b"\n" + plain(3, 7, 8), 3, 8, "\n", True),
        (HEAD + b"\n" + plain(3, 7) + row(8), 3, 8, "\n", False),
        (HEAD + b"\r\n" + plain(3, 7).replace(b"\n", b"\r\n"), 2, 7, "\r\n", True),
        (HEAD + b"\r\n" + row(3), 1, 3, "\r\n", False),
        (HEAD + b"\n" + row(3) + b"\r\n" + row(4) + b"\n", 2, 4, "\n", True),
        (HEAD + b"\n" + row("007") + b"\n", 1, 7, "\n", True),
        (HEAD + b"\n" + plain(10**18 - 1), 1, 10**18 - 1, "\n", True),
        (b'"' + HEAD.replace(b",", b'","') + b'"\r\n' + plain(1), 1, 1, "\r\n", True),
        (HEAD + b'\n"3"' + TAIL + b"\n", 1, 3, "\n", True),
        (HEAD + b'\n3,"a,b"' + b",x" * 23 + b"\n" + plain(4), 2, 4, "\n", True),
        (HEAD + b'\n3,"say ""no"""' + b",x" * 23, 1, 3, "\n", False),
        (HEAD + b'\n3,"a\nb\r\n\r,\n"' + b",x" * 23 + b"\n" + plain(4), 2, 4, "\n", True),
        (HEAD + b"\n3," + b"," * 23 + b"\n", 1, 3, "\n", True),
    ],
)
def test_sound_files(path: Path, *, data: bytes, rows: int, last_id: int, newline: str, ended: bool) -> None:
    md5 = hashlib.md5(data).hexdigest()  # noqa: S324
    assert found(path, data) == Table(rows, last_id, newline, ended, len(data), md5)
    assert inspect(str(path)) == inspect(path)


@pytest.mark.parametrize(
    ("data", "message", "hint"),
    [
        (b"", "d.csv is empty", "its first line must name the 25 columns"),
        (b"\n", "d.csv, line 1: column 1: 'Employee ID' is missing", table._HEADER_HINT),
        (BOM + HEAD, "d.csv, line 1: the file starts with a byte order mark (EF BB BF)", table._UTF8_HINT),
        (HEAD.replace(b"Age", b"age"), "d.csv, line 1: column 2: 'age' instead of 'Age'", table._HEADER_HINT),
        (HEAD.replace(b",", b";"), "d.csv, line 1: column 1: 'Employee ID;Age;Gender;Years at Company;'… "
            "instead of 'Employee ID'", table._HEADER_HINT),
        (HEAD + b",Shoe Size", "d.csv, line 1: column 26: 'Shoe Size' is one too many", table._HEADER_HINT),
        (UTF_16, "d.csv, line 1: byte 4 is NUL", f"is it UTF-16? {table._UTF8_HINT}"),
    ],
)  # fmt: skip
def test_broken_headers(path: Path, data: bytes, message: str, hint: str) -> None:
    error = fault(path, data)
    assert (str(error), error.hint) == (message, hint)


BROKEN = [
    (plain(1) + b"2,x\n", 3, "2 fields instead of 25", table._ROW_HINT),
    (plain(1) + b"2\n", 3, "1 field instead of 25", table._ROW_HINT),
    (plain(1) + b"2", 3, "1 field instead of 25", table._ROW_HINT),
    (plain(1) + row(2) + b",x", 3, "26 fields instead of 25", table._ROW_HINT),
    # One field too few, then one too many: the sum is right.
    (row(1)[:-2] + b"\n" + row(2) + b",x\n", 2, "24 fields instead of 25", table._ROW_HINT),
    (plain(1) + b"\n" + plain(2), 3, "the line is blank", "remove blank lines, those at the end too"),
    (plain(1) + b"\r\n", 3, "the line is blank", "remove blank lines, those at the end too"),
    (plain(1) + b" \n", 3, "1 field instead of 25", table._ROW_HINT),
    (plain(1) + row("abc") + b"\n", 3, "Employee ID 'abc' is not a whole number", table._ID_HINT),
    (plain(1) + row("") + b"\n", 3, "Employee ID '' is not a whole number", table._ID_HINT),
    (plain(1) + row(" 2") + b"\n", 3, "Employee ID ' 2' is not a whole number", table._ID_HINT),
    (plain(1) + row("x2") + b"\n", 3, "Employee ID 'x2' is not a whole number", table._ID_HINT),
    (plain(1) + row(-2) + b"\n", 3, "Employee ID '-2' is not a whole number", table._ID_HINT),
    (plain(1) + row("2.0") + b"\n", 3, "Employee ID '2.0' is not a whole number", table._ID_HINT),
    (plain(1) + row("\u0662") + b"\n", 3, "Employee ID '\u0662' is not a whole number", table._ID_HINT),
    (plain(10**18), 2, "Employee ID '1000000000000000000' is not a whole number", table._ID_HINT),
    (plain(1) + row("9" * 50), 3, f"Employee ID '{'9' * 40}'… is not a whole number", table._ID_HINT),
    (plain(1, 2, 2, 3), 4, "Employee ID 2 occurs twice", table._ID_HINT),
    (plain(1, 5, 4), 4, "Employee ID 4 comes after 5", table._ID_HINT),
    (plain(1) + b"2,\0" + TAIL[2:] + b"\n", 3, "byte 3 is NUL", f"is it UTF-16? {table._UTF8_HINT}"),
    (plain(1) + b"2,caf\xe9" + TAIL[2:] + b"\n", 3, "byte 6 is not valid UTF-8", table._UTF8_HINT),
    (plain(1) + b"2,\xe2\x80" + TAIL[2:] + b"\n", 3, "byte 3 is not valid UTF-8", table._UTF8_HINT),
    (
        plain(1) + b'2,"x' + TAIL[2:] + b"\n" + plain(3),
        3,
        "a quote is opened and never closed",
        table._QUOTE_HINT,
    ),
    (plain(1) + b'2,"x"y' + TAIL[2:] + b"\n", 3, "text follows a closing quote", table._QUOTE_HINT),
    (plain(1) + b"2,x\ry" + TAIL[2:] + b"\n", 3, "a carriage return stands alone", table._LINE_HINT),
    (plain(1) + row(2) + b"\r\r\n", 3, "a carriage return stands alone", table._LINE_HINT),
    (plain(1) + row(2) + b"\r", 3, "a carriage return stands alone", table._LINE_HINT),
    (plain(1) + b'2,"a\nb"\n' + plain(3), 3, "2 fields instead of 25", table._ROW_HINT),
    (b'1,"a\nb"' + TAIL[2:] + b"\n" + row("x"), 4, "Employee ID 'x' is not a whole number", table._ID_HINT),
    (b"1," + b"x" * MAX_ROW, 2, "the line is longer than 131,072 bytes", table._LINE_HINT),
    (b'1,"' + b"x\n" * (MAX_ROW // 2), 2, "the row is longer than 131,072 bytes", table._QUOTE_HINT),
]


@pytest.mark.parametrize("read_size", [READ_SIZE, 64])
@pytest.mark.parametrize(("data", "line", "what", "hint"), BROKEN)
def test_broken_rows(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    data: bytes,
    line: int,
    what: str,
    hint: str,
    read_size: int,
) -> None:
    monkeypatch.setattr(table, "READ_SIZE", read_size)
    error = fault(path, HEAD + b"\n" + data)
    assert (str(error), error.hint) == (f"d.csv, line {line}: {what}", hint)


def test_fault_far_down_a_large_file(path: Path) -> None:
    generate(path, 3_000)
    with path.open("ab") as file:
        file.write(row(3_001) + b"\n" + row(3_001) + b"\n")
    with pytest.raises(DatasetError, match=r"^d\.csv, line 3003: Employee ID 3001 occurs twice$"):
        inspect(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        inspect(tmp_path / "no.csv")
    assert str(caught.value) == f"{tmp_path}/no.csv: no such file"
    assert caught.value.hint == "`dvc pull` fetches the dataset of a commit"
    with pytest.raises(DatasetError, match="cannot be opened: Is a directory"):
        inspect(tmp_path)


def test_longest_row(path: Path) -> None:
    """A row of exactly the limit is read, quoted or not; one byte more is refused."""
    start, end = HEAD + b"\n1,", b",x" * 23 + b"\n"
    room = MAX_ROW - len(b"1,") - len(end)
    assert found(path, start + b"y" * room + end).rows == 1
    assert found(path, start + b'"' + b"\n" * (room - 2) + b'"' + end).rows == 1
    assert str(fault(path, start + b"y" * (room + 1) + end)) == "d.csv, line 2: the line is longer than 131,072 bytes"
    quoted = start + b'"' + b"\n" * (room - 1) + b'"' + end
    assert str(fault(path, quoted)) == "d.csv, line 2: the row is longer than 131,072 bytes"


def test_generated_dataset(path: Path) -> None:
    generate(path, 5_000)
    data = path.read_bytes()
    md5 = hashlib.md5(data).hexdigest()  # noqa: S324
    assert inspect(path) == Table(5_000, 5_000, "\n", True, len(data), md5)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_large_file_with_quotes_here_and_there(path: Path, newline: str) -> None:
    """Blocks with quoted line breaks, some of them across the border of two blocks, among plain ones."""
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator=newline)
    writer.writerow(HEADER)
    for number in range(1, 4_001):
        fields = list(employee(number, b""))
        if number // 500 % 2:
            fields[4] = "Media\n" * (number % 50) + '"press", film'
        writer.writerow(fields)
    outcome = found(path, text.getvalue().encode())
    assert (outcome.rows, outcome.last_id, outcome.newline) == (4_000, 4_000, newline)


def test_rows_are_proved_in_blocks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The speed of a large file rests on this: after the first block, no look at single rows is needed."""
    generate(path, 3_000)
    read: list[str] = []
    count = table._Scan._number

    def spy(scan: table._Scan, text: str) -> None:
        read.append(text)
        count(scan, text)

    monkeypatch.setattr(table._Scan, "_number", spy)
    inspect(path)
    assert 0 < len(read) < 600


@pytest.mark.parametrize("ending", [b"", b'9999999,"never closed'])
def test_memory_does_not_grow_with_the_file(path: Path, ending: bytes) -> None:
    generate(path, 30_000)
    data = path.read_bytes()
    path.write_bytes(data + ending + (b"\n" + data if ending else b""))
    tracemalloc.start()
    try:
        if ending:
            with pytest.raises(DatasetError, match="line 30002: the row is longer than"):
                inspect(path)
        else:
            inspect(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
