"""Appending: pinned bytes, a base untouched, the same file after any crash, refusals that change nothing."""

import hashlib
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.pipeline import append as append_module
from lab.pipeline import synthetic
from lab.pipeline.append import ROW_KEY, Appended, append_rows, row_identity
from lab.pipeline.errors import DatasetError, UsageError
from lab.pipeline.schema import HEADER, MAX_ID
from lab.pipeline.synthetic import generate
from lab.pipeline.table import inspect

RUN = "manual__2025-01-01T00:00:00+00:00"
HEAD = ",".join(HEADER).encode()
TAIL = b",x" * 24


def md5_of(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()  # noqa: S324


def add(path: Path, base: bytes, rows: int, run_id: str = RUN) -> Appended:
    return append_rows(path, rows, run_id, md5_of(base), len(base))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "d.csv"
    generate(path, 1_000)
    return path


@pytest.fixture
def base(path: Path) -> bytes:
    return path.read_bytes()


def test_rows_of_versions_without_a_row_key_derive_from_the_run_alone() -> None:
    """Every version of a lab that did not know of row keys replays to its bytes."""
    assert row_identity(1, "pipeline", "datasets/d.csv", RUN) == RUN


def test_two_dags_or_datasets_with_a_run_of_one_name_get_other_rows(path: Path, base: bytes) -> None:
    runs = [("pipeline", "a.csv"), ("other", "a.csv"), ("pipeline", "b.csv")]
    made = [add(path, base, 3, row_identity(ROW_KEY, *run, RUN)).md5 for run in runs]
    assert len({*made, add(path, base, 3).md5}) == 4
    assert made[0] == "f80c5389190ac3085200b91429f008af"


@pytest.mark.parametrize("row_key", [0, -1, 3])
def test_rows_that_only_a_newer_lab_can_derive_are_refused(row_key: int) -> None:
    with pytest.raises(UsageError, match=f"row key {row_key}"):
        row_identity(row_key, "pipeline", "d.csv", RUN)


def test_bytes_are_pinned(path: Path, base: bytes) -> None:
    appended = add(path, base, 3)
    assert appended == Appended(
        rows_before=1_000,
        rows_after=1_003,
        first_id=1_001,
        last_id=1_003,
        md5="1071460b66b893a9f3927d5340a5e568",
        size=132_084,
    )
    data = path.read_bytes()
    assert data.startswith(base)
    assert (md5_of(data), len(data)) == (appended.md5, appended.size)
    table = inspect(path)
    assert (table.rows, table.last_id, table.md5) == (1_003, 1_003, appended.md5)


def test_no_rows_change_nothing(path: Path, base: bytes) -> None:
    path.write_bytes(base[:-1])
    assert add(path, base[:-1], 0) == Appended(1_000, 1_000, 1_001, 1_000, md5_of(base[:-1]), len(base) - 1)
    assert path.read_bytes() == base[:-1]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("ids", [[], [0], [5, 90]])
def test_style_of_the_file_is_kept(path: Path, newline: bytes, ended: bool, ids: list[int]) -> None:
    lines = [HEAD, *(str(number).encode() + TAIL for number in ids)]
    base = newline.join(lines) + (newline if ended else b"")
    path.write_bytes(base)
    appended = add(path, base, 2)
    data = path.read_bytes()
    # A header without a line break shows no style; LF is taken.
    style = b"\n" if len(lines) == 1 and not ended else newline
    assert data.startswith(base + (b"" if ended else style))
    assert data.count(b"\n") == len(lines) + 2
    assert data.count(b"\r\n") == (len(lines) + 2 if style == b"\r\n" else 0)
    last = max(ids, default=0)
    assert (appended.first_id, appended.last_id) == (last + 1, last + 2)
    assert inspect(path).last_id == last + 2


def test_run_and_base_decide_the_rows(path: Path, base: bytes) -> None:
    other = base.replace(b",Female,", b",Male,", 1)
    added = set()
    for before, run_id in ((base, "a"), (base, "b"), (other, "a")):
        path.write_bytes(before)
        add(path, before, 2, run_id)
        added.add(path.read_bytes()[len(before) :])
    assert len(added) == 3


def test_rows_of_a_smaller_run_start_a_larger_one(path: Path, base: bytes) -> None:
    add(path, base, 2)
    two = path.read_bytes()
    add(path, base, 5)
    assert path.read_bytes().startswith(two)


@settings(deadline=None, max_examples=60)
@given(data=st.data(), ended=st.booleans(), rows=st.integers(0, 4))
def test_every_partial_append_is_repaired(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, ended: bool, rows: int
) -> None:
    """A killed attempt leaves the base and some of the bytes after it, or of another attempt, or garbage."""
    path = tmp_path_factory.getbasetemp() / "partial.csv"
    base = HEAD + b"\r\n7" + TAIL + (b"\r\n" if ended else b"")
    path.write_bytes(base)
    expected = add(path, base, rows)
    whole = path.read_bytes()
    cut = data.draw(st.integers(len(base), len(whole)))
    path.write_bytes(whole[:cut] + data.draw(st.sampled_from([b"", b"\0" * 50, b'"', b"\n\n", b"\xff"])))
    assert add(path, base, rows) == expected
    assert path.read_bytes() == whole


def test_crash_in_the_middle_of_writing(path: Path, base: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = add(path, base, 5_000)
    whole = path.read_bytes()
    path.write_bytes(base)
    blocks = synthetic.csv_blocks

    def break_off(*arguments: object) -> object:
        yield next(iter(blocks(*arguments)))  # type: ignore[arg-type]
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(append_module, "csv_blocks", break_off)
        with pytest.raises(OSError, match="No space"):
            add(path, base, 5_000)
    assert path.read_bytes().startswith(base)
    assert len(base) < path.stat().st_size < len(whole)
    assert add(path, base, 5_000) == expected
    assert path.read_bytes() == whole


def test_bytes_are_on_disk_on_return(path: Path, base: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: sizes.append(os.fstat(handle).st_size))
    appended = add(path, base, 2)
    assert sizes == [appended.size]


REFUSED = [
    (2, "0" * 32, 0, "d.csv is not the base version: md5 {md5} instead of " + "0" * 32),
    (2, "{md5}", 1, "d.csv has {size} bytes, fewer than its base version's {more}"),
    (2, "{md5}", -30, "d.csv is not the base version: md5 {less} instead of {md5}"),
]


@pytest.mark.parametrize(("rows", "md5", "longer", "message"), REFUSED)
def test_refusals_change_nothing(path: Path, base: bytes, *, rows: int, md5: str, longer: int, message: str) -> None:
    facts = {"md5": md5_of(base), "less": md5_of(base[:-30]), "size": len(base), "more": len(base) + 1}
    with pytest.raises(DatasetError) as caught:
        append_rows(path, rows, RUN, md5.format(**facts), len(base) + longer)
    assert str(caught.value) == message.format(**facts)
    assert caught.value.hint
    assert path.read_bytes() == base


def test_ids_have_an_end(path: Path) -> None:
    base = HEAD + b"\n" + str(MAX_ID - 1).encode() + TAIL + b"\n"
    path.write_bytes(base)
    with pytest.raises(DatasetError, match=r"^d\.csv: 2 more rows would take Employee ID beyond 18 digits$"):
        add(path, base, 2)
    assert path.read_bytes() == base
    assert add(path, base, 1).last_id == MAX_ID


def test_longer_file_with_another_base_is_not_cut(path: Path, base: bytes) -> None:
    data = base.replace(b",Female,", b",Male,", 1) + b"1001" + TAIL
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=r"^d\.csv is not the base version"):
        add(path, base, 1)
    assert path.read_bytes() == data


def test_unsound_base_is_named_and_kept(path: Path, base: bytes) -> None:
    data = base + b"1000" + TAIL + b"\n"
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=r"^d\.csv, line 1002: Employee ID 1000 occurs twice$"):
        add(path, data, 1)
    assert path.read_bytes() == data


def test_negative_parameters_are_refused(path: Path, base: bytes) -> None:
    with pytest.raises(UsageError, match=r"^rows is -1: it must be 0 or more$"):
        append_rows(path, -1, RUN, md5_of(base), len(base))
    with pytest.raises(UsageError, match=r"^base_size is -1: it must be 0 or more$"):
        append_rows(path, 1, RUN, md5_of(base), -1)
    assert path.read_bytes() == base


def test_missing_file_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no such file$"):
        append_rows(tmp_path / "no.csv", 1, RUN, "0" * 32, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("symbolic", [True, False])
def test_links_are_refused(path: Path, base: bytes, symbolic: bool) -> None:
    """Else a version in DVC's cache would change."""
    link = path.with_name("link.csv")
    if symbolic:
        link.symlink_to(path)
    else:
        link.hardlink_to(path)
    with pytest.raises(DatasetError, match=r"^link\.csv is a link; what it points to must not change$") as caught:
        add(link, base, 1)
    assert caught.value.hint == "`dvc unprotect link.csv` replaces the link by a file"
    assert path.read_bytes() == base


def test_memory_does_not_grow_with_file_or_rows(path: Path) -> None:
    generate(path, 30_000)
    table = inspect(path)
    tracemalloc.start()
    try:
        append_rows(path, 10_000, RUN, table.md5, table.size)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
