"""The rows in which two files differ, by Employee ID, in any order."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.lineage.difference import SHOWN, Difference, difference
from lab.pipeline.append import append_rows
from lab.pipeline.synthetic import generate
from lab.pipeline.table import inspect

HEADER = ["Employee ID", "Age", "Note"]
Rows = dict[int, list[str]]


def table(rows: Rows, header: list[str] = HEADER) -> io.BytesIO:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([str(number), *values] for number, values in rows.items())
    return io.BytesIO(text.getvalue().encode())


def counts(found: Difference) -> tuple[int, int, int]:
    return found.added, found.removed, found.changed


VALUES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=5), min_size=2, max_size=2
)
TABLES = st.dictionaries(st.integers(0, 40), VALUES, max_size=20).map(lambda rows: dict(sorted(rows.items())))


@settings(max_examples=200, deadline=None)
@given(before=TABLES, after=TABLES)
def test_it_counts_what_sets_of_ids_count(before: Rows, after: Rows) -> None:
    found = difference(table(before), table(after))
    both = before.keys() & after.keys()
    assert found.fault == ""
    assert counts(found) == (
        len(after.keys() - before.keys()),
        len(before.keys() - after.keys()),
        sum(before[number] != after[number] for number in both),
    )
    assert found.first_added == sorted(after.keys() - before.keys())[:SHOWN]
    assert found.first_removed == sorted(before.keys() - after.keys())[:SHOWN]


def test_a_run_of_the_pipeline_added_its_rows_and_nothing_else(tmp_path: Path) -> None:
    base, after = tmp_path / "base.csv", tmp_path / "after.csv"
    generate(base, 3000, 1)
    after.write_bytes(base.read_bytes())
    known = inspect(base)
    append_rows(after, 7, "run", known.md5, known.size)
    with base.open("rb") as one, after.open("rb") as other:
        found = difference(one, other)
    assert counts(found) == (7, 0, 0)
    assert found.first_added == [3001, 3002, 3003, 3004, 3005]


def test_a_changed_row_is_shown_with_what_it_was(tmp_path: Path) -> None:
    found = difference(table({1: ["30", "a"], 2: ["31", "b"]}), table({1: ["30", "a"], 2: ["32", "b"]}))
    assert found.first_changed == [{"id": 2, "values": {"Age": ["31", "32"]}}]


def test_other_columns_are_named_and_the_rest_is_compared() -> None:
    after = table({1: ["30", "a"], 2: ["9", "b"]}, ["Employee ID", "Age", "Remark"])
    found = difference(table({1: ["30", "a"], 2: ["31", "b"]}), after)
    assert found.columns == ["Note", "Remark"]
    assert counts(found) == (0, 0, 1)


@pytest.mark.parametrize(
    ("rows", "header", "expected"),
    [
        ({1: ["30", "a"]}, ["Number", "Age", "Note"], "the version has no column 'Employee ID'"),
        ({2: ["30", "a"], 1: ["30", "a"]}, HEADER, "the version is not sorted: Employee ID 1 comes after 2"),
    ],
)
def test_what_cannot_be_compared_by_id_says_why(rows: Rows, header: list[str], expected: str) -> None:
    assert difference(table({1: ["30", "b"]}), table(rows, header)).fault == expected


@pytest.mark.parametrize("content", [b"", b"\n", b"Employee ID\n", b"Employee ID\n\xff\n", b'Employee ID\n"1', b"\x00"])
def test_no_file_whatever_is_in_it_is_more_than_a_fault(content: bytes) -> None:
    difference(table({1: ["30", "b"]}), io.BytesIO(content))
    difference(io.BytesIO(content), table({1: ["30", "b"]}))


def test_a_row_that_goes_on_over_lines_is_one_row_also_where_both_files_are_alike() -> None:
    """A file is passed over in pieces, and the end of a piece may be a line break in quotes."""
    many = {number: ["30", "one\ntwo " * 400] for number in range(100)}
    found = difference(table(many), table({**many, 60: ["31", "x"], 100: ["31", "x"]}))
    assert (found.fault, counts(found)) == ("", (1, 0, 1))
