"""Versions for a report, made up: of a run each but the first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lab.access import LoopbackAccess
from lab.config import Settings
from lab.lineage.report.entries import Entry, Links, entry
from lab.lineage.verify import Verdict
from lab.lineage.versions import DataVersion
from lab.paths import Paths

AIRFLOW, S3, GIT = "http://127.0.0.1:8080", "http://127.0.0.1:4566", "http://127.0.0.1:3000"
REPOSITORY = f"{GIT}/lab/mlops.git"
START = datetime(2026, 11, 1, 8, tzinfo=UTC)
PATH = "datasets/employee_attrition.csv"


def version(number: int, **changes: object) -> DataVersion:
    md5, rows = f"{number:032x}", 75_000 + 40 * (number - 1)
    by_run = number > 1
    made = DataVersion(
        number=number, commit=f"{number + 7:040x}", parent="", author="Lab pipeline", subject="Data version",
        time=(START + timedelta(hours=7 * number)).isoformat(), path=PATH, md5=md5, size=rows * 133, fault="",
        claimed_md5=md5, claimed_size=rows * 133, rows=rows, rows_added=40 if by_run else rows,
        base_md5=f"{number - 1:032x}" if by_run else None, seed=None if by_run else 2025,
        run_id=f"manual__2026-11-01T08:00:00+00:00_{number}" if by_run else None,
        dag_id="dataset_pipeline" if by_run else None, dag_version=f"{99:040x}" if by_run else None,
        worker=f"environment sha256:{number:064x}", dvc_version="3.67.1",
        task_seconds={"pull_data": 1.5, "push_data": 0.1 * number} if by_run else None,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def links(*, git_pages: bool = True) -> Links:
    return Links(LoopbackAccess(Paths.of(), Settings(), {"airflow": AIRFLOW, "s3": S3, "git": GIT}), git_pages)


def entries(count: int, problems: dict[int, list[str]] | None = None, *, git_pages: bool = True) -> list[Entry]:
    """So many verified versions; `problems` by number are what was found wrong."""
    found = []
    for number in range(1, count + 1):
        each = version(number)
        verdict = Verdict(each, (problems or {}).get(number, []), each.rows)
        found.append(entry(each, verdict, links(git_pages=git_pages)))
    return found
