"""Reading in blocks and reading row by row agree, whatever the file and wherever its blocks are cut."""

import csv
import hashlib
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.pipeline import table
from lab.pipeline.errors import DatasetError
from lab.pipeline.schema import HEADER
from lab.pipeline.table import READ_SIZE, Table, inspect

HEAD = ",".join(HEADER).encode()


def outcome_of(path: Path, read_size: int, fast: bool) -> Table | str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "READ_SIZE", read_size)
        if not fast:
            patch.setattr(table._Scan, "_plain", lambda scan, block: False)
        try:
            return inspect(path)
        except DatasetError as error:
            return str(error)


IDS = st.one_of(st.integers(0, 40).map(str), st.sampled_from(["", "x", "-1", "+1", "1_0", "007", " 1", "9" * 19]))
ENDS = st.sampled_from(["\n"] * 6 + ["\r\n", "\r", "\n\n", "\r\r\n"])
FIELDS = st.one_of(
    st.just("x"), st.sampled_from(["", "\u2019", '"', '"a,b"', '"a\nb"', '"a""b"', "a,b", "\0", "\r", 'a"b'])
)


@st.composite
def nearly_sound(draw: st.DrawFn) -> bytes:
    """A file that is sound but for a few slips, if any: an id, a field, a number of fields, a line's end."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    numbers = sorted(draw(st.sets(st.integers(0, 500), max_size=30)))
    rows = [[str(number), *["x"] * 24, newline] for number in numbers]
    for _ in range(draw(st.integers(0, 3)) if rows else 0):
        chosen = draw(st.sampled_from(rows))
        slip = draw(st.sampled_from(["id", "field", "more", "less", "end", "swap"]))
        if slip == "id":
            chosen[0] = draw(IDS)
        elif slip == "field":
            chosen[draw(st.integers(1, len(chosen) - 2))] = draw(FIELDS)
        elif slip == "more":
            chosen.insert(1, draw(FIELDS))
        elif slip == "less" and len(chosen) > 3:
            del chosen[1]
        elif slip == "end":
            chosen[-1] = draw(ENDS)
        elif slip == "swap":
            other = draw(st.sampled_from(rows))
            chosen[0], other[0] = other[0], chosen[0]
    data = b"".join(",".join(one[:-1]).encode() + one[-1].encode() for one in [[*HEADER, newline], *rows])
    cut = draw(st.integers(0, 3))
    damaged = bytearray(data[: len(data) - cut] if cut else data)
    if draw(st.integers(0, 4)) == 0:
        damaged[draw(st.integers(len(HEAD), len(damaged) - 1)) if len(damaged) > len(HEAD) else -1] = draw(
            st.sampled_from(b'\xff\xe2\0\r\n,"9')
        )
    return bytes(damaged)


@settings(deadline=None, max_examples=400)
@given(data=nearly_sound(), read_size=st.sampled_from([16, 64, 150, 1_000, READ_SIZE]))
def test_blocks_and_single_rows_agree(tmp_path_factory: pytest.TempPathFactory, data: bytes, read_size: int) -> None:
    """The fast way and the csv module come to the same result or the same words, wherever blocks are cut."""
    path = tmp_path_factory.getbasetemp() / "agree.csv"
    path.write_bytes(data)
    expected = outcome_of(path, READ_SIZE, fast=False)
    assert outcome_of(path, read_size, fast=True) == expected
    assert outcome_of(path, read_size, fast=False) == expected


# No lone CR: csv.writer left it unquoted until Python 3.13 where lines end with LF.
TEXTS = st.text(st.sampled_from('ab,"\n\u2019 '), max_size=6)


@settings(deadline=None)
@given(
    numbers=st.sets(st.integers(0, 10**18 - 1), max_size=8).map(sorted),
    fields=st.lists(TEXTS, min_size=24, max_size=24),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    newline=st.sampled_from(["\n", "\r\n"]),
    read_size=st.sampled_from([16, 64, READ_SIZE]),
)
def test_what_a_csv_writer_writes_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    *,
    numbers: list[int],
    fields: list[str],
    quoting: int,
    newline: str,
    read_size: int,
) -> None:
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator=newline, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([HEADER, *([number, *fields] for number in numbers)])
    data = text.getvalue().encode()
    path = tmp_path_factory.getbasetemp() / "written.csv"
    path.write_bytes(data)
    md5 = hashlib.md5(data).hexdigest()  # noqa: S324
    expected = Table(len(numbers), max(numbers, default=0), newline, True, len(data), md5)
    assert outcome_of(path, read_size, fast=True) == expected
