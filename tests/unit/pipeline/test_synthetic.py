"""Synthetic employees: pinned bytes, values of the schema, sense between columns, an atomic file."""

import csv
import hashlib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.pipeline import synthetic
from lab.pipeline.errors import UsageError
from lab.pipeline.schema import COLUMNS, HEADER, Integer
from lab.pipeline.synthetic import DEFAULT_ROWS, DEFAULT_SEED, employee, generate

KEY = bytes(32)
People = list[dict[str, str]]


@pytest.fixture(scope="module")
def people() -> People:
    return [dict(zip(HEADER, employee(number, KEY), strict=True)) for number in range(20_000)]


def share(people: People, column: str, value: str, **where: str) -> float:
    chosen = [one for one in people if all(one[name.replace("_", " ")] == wanted for name, wanted in where.items())]
    return sum(one[column] == value for one in chosen) / len(chosen)


def mean_income(people: People, column: str, value: str) -> float:
    incomes = [int(one["Monthly Income"]) for one in people if one[column] == value]
    return sum(incomes) / len(incomes)


def test_row_is_pinned() -> None:
    assert ",".join(employee(1, KEY)) == (
        "1,43,Female,8,Technology,9909,Good,Very High,Average,4,No,90,Bachelor\u2019s Degree,Married,2,"
        "Mid,Medium,91,No,No,No,Good,Medium,Stayed,train"
    )


def test_file_is_pinned(tmp_path: Path) -> None:
    generate(tmp_path / "a.csv", 1_000)
    data = (tmp_path / "a.csv").read_bytes()
    assert (len(data), hashlib.md5(data).hexdigest()) == (131_699, "45e7ece328c58bd5bf7b26ee0f5d5ede")  # noqa: S324


def test_default_file_is_about_ten_megabytes(tmp_path: Path) -> None:
    generate(tmp_path / "a.csv")
    data = (tmp_path / "a.csv").read_bytes()
    assert len(data) == 10_004_662
    assert data.count(b"\n") == DEFAULT_ROWS + 1
    assert hashlib.md5(data).hexdigest() == "2b3d32c243292347f1f7d222d2417627"  # noqa: S324


def test_block_size_does_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate(tmp_path / "a.csv", 50)
    monkeypatch.setattr(synthetic, "ROWS_PER_BLOCK", 7)
    generate(tmp_path / "b.csv", 50)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_seed_and_rows_decide_the_bytes(tmp_path: Path) -> None:
    files = [(20, DEFAULT_SEED), (20, DEFAULT_SEED + 1), (20, -1), (19, DEFAULT_SEED)]
    for rows, seed in files:
        generate(tmp_path / f"{rows} {seed}.csv", rows, seed)
    contents = [(tmp_path / f"{rows} {seed}.csv").read_bytes() for rows, seed in files]
    assert len(set(contents)) == 4
    assert contents[0].startswith(contents[3])


@settings(deadline=None)
@given(number=st.integers(0, 10**18), key=st.binary(max_size=64))
def test_row_holds_values_of_the_schema(number: int, key: bytes) -> None:
    row = employee(number, key)
    assert row[0] == str(number)
    assert row == employee(number, key)
    for value, column in zip(row[1:], COLUMNS[1:], strict=True):
        if isinstance(column, Integer):
            assert column.low <= int(value) <= column.high
            assert value == str(int(value))
        else:
            assert value in column.values


def test_every_category_occurs(people: People) -> None:
    for column in COLUMNS:
        if not isinstance(column, Integer):
            assert {one[column.name] for one in people} == set(column.values)


def test_no_value_needs_quoting(people: People) -> None:
    lines = [",".join(one.values()) for one in people[:500]]
    assert [",".join(row) for row in csv.reader(lines)] == lines
    assert not any('"' in line for line in lines)


def test_whole_ranges_are_used(people: People) -> None:
    for column, low, high in (("Age", 18, 60), ("Company Tenure", 2, 128), ("Distance from Home", 1, 99)):
        values = {int(one[column]) for one in people}
        assert (min(values), max(values)) == (low, high)


def test_years_and_months_are_possible(people: People) -> None:
    for one in people:
        years = int(one["Years at Company"])
        assert years <= int(one["Age"]) - 18
        assert int(one["Company Tenure"]) <= 12 * years + 11
        assert years > 0 or one["Number of Promotions"] == "0"


def test_income_follows_role_and_level(people: People) -> None:
    levels = [mean_income(people, "Job Level", level) for level in ("Entry", "Mid", "Senior")]
    roles = [mean_income(people, "Job Role", role) for role in ("Education", "Media", "Healthcare", "Finance")]
    assert levels == sorted(levels)
    assert roles == sorted(roles)


def test_attrition_follows_satisfaction_overtime_and_remote_work(people: People) -> None:
    for column, likelier, rarer in (
        ("Job_Satisfaction", "Low", "High"),
        ("Overtime", "Yes", "No"),
        ("Remote_Work", "No", "Yes"),
    ):
        assert share(people, "Attrition", "Left", **{column: likelier}) > 0.05 + share(
            people, "Attrition", "Left", **{column: rarer}
        )


def test_shares(people: People) -> None:
    assert share(people, "dataset_type", "train") == pytest.approx(0.8, abs=0.01)
    assert 0.4 < share(people, "Attrition", "Left") < 0.55
    assert Counter(one["Job Level"] for one in people).most_common()[-1][0] == "Senior"


def test_no_rows_is_a_header(tmp_path: Path) -> None:
    generate(tmp_path / "a.csv", 0)
    assert (tmp_path / "a.csv").read_text("utf-8") == ",".join(HEADER) + "\n"


def test_negative_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^rows is -1: it must be 0 or more$"):
        generate(tmp_path / "a.csv", -1)
    assert list(tmp_path.iterdir()) == []


def test_file_replaces_another_and_others_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    generate(str(path), 1)
    assert path.read_text("utf-8").startswith("Employee ID")
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_failure_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")

    def refuse(number: int, key: bytes) -> tuple[str, ...]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(synthetic, "employee", refuse)
    with pytest.raises(OSError, match="No space"):
        generate(path, 10)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
