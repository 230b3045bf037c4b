"""One DAG, its runs and their tasks as Airflow 3.2.2's REST API shows them; a test says what each look finds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.unit.support import commit, git, new_repository

DAG = "dags/dataset_pipeline"
TASKS = ("pull_data", "modify_data", "push_data")
COMMIT = "1332897c2fa0dc75dc594f9b57a8a08b244da7d6"
TRACE = """Traceback (most recent call last):
  File "<frozen importlib._bootstrap_external>", line 1004, in source_to_code
  File "<frozen importlib._bootstrap>", line 241, in _call_with_frames_removed
  File "/home/ada/lab/.lab/data/airflow/bundles/lab/tracking_repo/dags/dataset_pipeline.py", line 41
    def broken(:
               ^
SyntaxError: invalid syntax
"""
"""What Airflow 3.2.2 gives for a syntax error in the DAG file."""
BROKEN = "dags/dataset_pipeline.py:41: SyntaxError: invalid syntax"
Look = tuple[str, list[str | None]]
"""The state of a run, and those of its tasks."""


@dataclass
class AirflowLab:
    """Answers as Airflow does. Each poll of a run gets the next of `looks`, and then the last one."""

    looks: list[Look] = field(default_factory=list)
    bundle_version: str | None = COMMIT
    broken: bool = False
    known: bool = True
    errors: list[dict[str, Any]] = field(default_factory=list)
    parsed: str = "2100-01-01T00:00:00Z"
    started: list[dict[str, Any]] = field(default_factory=list)
    on_look: Callable[[int], None] = lambda _: None
    seen: int = 0

    def break_dag(self, trace: str = TRACE, file: str = "dataset_pipeline.py") -> None:
        """As a push of a file that Python cannot import: Airflow treats the DAG as stale at once."""
        self.broken = file == "dataset_pipeline.py"
        self.errors.append({"import_error_id": len(self.errors) + 1, "timestamp": "2100-01-01T00:00:00Z",
                            "filename": file, "bundle_name": "lab", "stack_trace": trace})  # fmt: skip

    def answer(self, url: str, body: Any) -> tuple[int, Any]:
        parts = urlsplit(url)
        path = parts.path.removeprefix("/api/v2/")
        if path == "importErrors":
            return 200, page(parts.query, "import_errors", self.errors)
        if path == "monitor/health":
            names = ("metadatabase", "scheduler", "triggerer", "dag_processor")
            return 200, {name: {"status": "healthy", f"latest_{name}_heartbeat": self.parsed} for name in names}
        if path == DAG:
            return (200, self.dag()) if self.known else (404, {"detail": "The Dag with ID: … was not found"})
        if path == f"{DAG}/dagRuns" and body:
            return self.start(body)
        return self.look(path, parts.query)

    def start(self, body: dict[str, Any]) -> tuple[int, Any]:
        if self.broken or not self.known:
            return 404, {"detail": "Dag with dag_id: 'dataset_pipeline' not found"}
        self.started.append(body)
        return 200, {"dag_run_id": body["dag_run_id"], "state": "queued"}

    def look(self, path: str, query: str) -> tuple[int, Any]:
        if "/logs/" in path:
            return 200, {"content": [], "continuation_token": None}
        state, tasks = self.looks[min(self.seen, len(self.looks) - 1)]
        if path.endswith("/taskInstances"):
            self.seen += 1
            self.on_look(self.seen)
            found = [instance(*each) for each in zip(TASKS, tasks, strict=False)]
            return 200, page(query, "task_instances", found)
        if re.fullmatch(f"{DAG}/dagRuns/[^/]+", path):
            return 200, {"state": state, "bundle_version": self.bundle_version}
        return 404, {"detail": "Not Found"}

    def dag(self) -> dict[str, Any]:
        return {"dag_id": "dataset_pipeline", "is_paused": False, "is_stale": self.broken,
                "has_import_errors": self.broken, "relative_fileloc": "dataset_pipeline.py",
                "last_parsed_time": self.parsed}  # fmt: skip


def page(query: str, key: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """One page of a list: 50 entries without a requested limit, and 100 at most."""
    asked = parse_qs(query)
    offset, limit = int(asked.get("offset", ["0"])[0]), min(int(asked.get("limit", ["50"])[0]), 100)
    return {key: entries[offset : offset + limit], "total_entries": len(entries)}


def instance(task: str, state: str | None) -> dict[str, Any]:
    at_work = state not in {None, "upstream_failed", "skipped", "removed", "scheduled", "queued"}
    ended = at_work and state != "running"
    return {"task_id": task, "map_index": -1, "state": state, "try_number": 1 if at_work else 0,
            "start_date": "2026-01-01T00:00:00Z" if at_work else None,
            "end_date": "2026-01-01T00:00:02Z" if ended else None}  # fmt: skip


def lab_repository(folder: Path) -> str:
    """A Git server's URL: the lab's repository, with one commit on `main`, in a folder."""
    source = new_repository(folder / "work")
    commit(source, "first", {"README.md": "a"})
    git(folder, "clone", "--quiet", "--bare", "work", "server/lab/mlops.git")
    return f"file://{folder}/server"
