"""The commit of a data version, as Git itself reads it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from lab.pipeline.append import Appended
from lab.pipeline.message import commit_message
from lab.pipeline.pointer import Pointer
from lab.pipeline.run import Run
from tests.unit.support import git, md5_like

BASE = Pointer(md5_like(1), 100, "d.csv")
APPENDED = Appended(rows_before=5, rows_after=8, first_id=6, last_id=8, md5=md5_like(2), size=150)
FURTHER = {"Dvc-Version": "3.1"}


def run(identity: str = "manual__1", code_version: str = "abc") -> Run:
    dataset = PurePosixPath("datasets/größe und mehr.csv")
    return Run(identity, "pipeline", code_version, "2025-01-31", "/r", "main", dataset, 3, Path("/shared"))


def trailers(tmp_path: Path, message: str) -> dict[str, str]:
    lines = git(tmp_path, "interpret-trailers", "--parse", text=message).splitlines()
    pairs = [line.split(": ", 1) for line in lines]
    assert len(dict(pairs)) == len(lines)
    return dict(pairs)


def test_the_subject_is_the_date_of_the_run() -> None:
    assert commit_message(run(), BASE, APPENDED, FURTHER).splitlines()[0] == "Data version: 2025-01-31"


def test_git_reads_every_trailer(tmp_path: Path) -> None:
    assert trailers(tmp_path, commit_message(run(), BASE, APPENDED, FURTHER)) == {
        "Data-Path": "datasets/größe und mehr.csv",
        "Data-Md5": md5_like(2),
        "Data-Size": "150",
        "Data-Rows": "8",
        "Data-Rows-Added": "3",
        "Data-Base": md5_like(1),
        "Data-Row-Key": "2",
        "Run-Id": "manual__1",
        "Dag-Id": "pipeline",
        "Dag-Version": "abc",
        "Dvc-Version": "3.1",
    }


@pytest.mark.parametrize("identity", ["a:b", "Run-Id:x", "manual__2025-01-01T00:00:00+00:00", "---", "~"])
def test_a_run_id_comes_back_as_it_is(tmp_path: Path, identity: str) -> None:
    assert trailers(tmp_path, commit_message(run(identity), BASE, APPENDED, FURTHER))["Run-Id"] == identity


def test_code_without_a_version_is_said_to_be_unknown(tmp_path: Path) -> None:
    assert trailers(tmp_path, commit_message(run(code_version=""), BASE, APPENDED, FURTHER))["Dag-Version"] == "unknown"
