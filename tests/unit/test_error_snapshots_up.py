"""The errors that users meet first in a lab that is up, or almost: the whole output and the exit status."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.access import LoopbackAccess
from lab.cli import context
from tests.unit.airflow_lab import AirflowLab, lab_repository
from tests.unit.airflow_server import airflow_server
from tests.unit.conftest import Outcome
from tests.unit.snapshots import assert_snapshot
from tests.unit.support import commit, git, md5_like, new_repository, pointer_text

Lab = Callable[..., Outcome]
RUN = "manual__2026-01-01T00:00:00+00:00"
REFUSED = ["error: Employee ID is not in the dataset", "hint: make lab-history shows the version before"]


class AirflowOfRuns(AirflowLab):
    """Knows one run, RUN; its log has the lines of `log`."""

    paused = False
    log: tuple[str, ...] = ()

    def dag(self) -> dict[str, Any]:
        return {**super().dag(), "is_paused": self.paused}

    def look(self, path: str, query: str) -> tuple[int, Any]:
        if path == "dags/dataset_pipeline/dagRuns":
            return 200, {"dag_runs": [{"dag_run_id": RUN}]}
        if "/dagRuns/none/" in path:
            return 404, {"detail": "Not Found"}
        if "/logs/" in path:
            return 200, {"content": [{"event": line} for line in self.log], "continuation_token": None}
        return super().look(path, query)


@pytest.fixture
def airflow() -> AirflowOfRuns:
    return AirflowOfRuns([("success", ["success", "success", "success"])])


@pytest.fixture
def running(airflow: AirflowOfRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackAccess]:
    """A lab that is up, with one data version, and one with a pointer that people edited."""
    with airflow_server(tmp_path / "lab", airflow.answer) as access:
        found = replace(access, urls={**access.urls, "git": lab_repository(tmp_path)})
        found.paths.user_home.mkdir(parents=True)
        versions(tmp_path, found)
        monkeypatch.setattr(context, "access", lambda: found)
        yield found


def versions(folder: Path, access: LoopbackAccess) -> None:
    clone = new_repository(folder / "clone")
    git(clone.folder, "pull", "--quiet", access.repository_url, "main")
    config = "[core]\n    remote = s3\n['remote \"s3\"']\n    url = s3://mlops-lab/dvc\n"
    commit(clone, "Add the data", {".dvc/config": config, "datasets/d.csv.dvc": pointer_text(md5_like(1))})
    commit(clone, "Edit the pointer", {"datasets/d.csv.dvc": pointer_text("not an md5")})
    git(clone.folder, "push", "--quiet", access.repository_url, "main")


def check(lab: Lab, folder: Path, name: str, command: str) -> None:
    outcome = lab(*shlex.split(command.removeprefix("lab ")))
    assert_snapshot(name, command, outcome.status, outcome.out + outcome.err, {str(folder): "<folder>"})


CALLS = {
    "dataset-outside": "lab run --dataset ../../etc/passwd",
    "branch-unknown": "lab run --branch nosuch",
    "branch-unknown-in-history": "lab history --branch nosuch",
    "version-unknown": "lab history 99",
    "version-of-two": "lab history d.csv",
    "run-unknown": "lab logs --run none",
    "task-unknown": "lab logs --run latest --task nosuch",
    "replay-of-a-commit-by-hand": "lab reproduce 1 --replay",
    "pointer-broken": "lab reproduce 2",
}


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("name", CALLS)
def test_snapshot_of_a_wrong_call(lab: Lab, tmp_path: Path, name: str) -> None:
    check(lab, tmp_path, name, CALLS[name])


def test_snapshot_of_a_lab_without_its_first_version(
    lab: Lab, access: LoopbackAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "server/lab/mlops.git")
    monkeypatch.setattr(
        context, "access", lambda: replace(access, urls={**access.urls, "git": f"file://{tmp_path}/server"})
    )
    check(lab, tmp_path, "repository-empty", "lab history")


@pytest.mark.usefixtures("running")
def test_snapshot_of_a_dag_that_does_not_load(lab: Lab, airflow: AirflowOfRuns, tmp_path: Path) -> None:
    airflow.break_dag()
    check(lab, tmp_path, "dag-broken", "lab run")


@pytest.mark.usefixtures("running")
def test_snapshot_of_a_dag_that_is_not_there(lab: Lab, airflow: AirflowOfRuns, tmp_path: Path) -> None:
    airflow.known = False
    check(lab, tmp_path, "dag-missing", "lab run")


@pytest.mark.usefixtures("running")
def test_snapshot_of_a_paused_dag(lab: Lab, airflow: AirflowOfRuns, tmp_path: Path) -> None:
    airflow.paused = True
    check(lab, tmp_path, "dag-paused", "lab run")


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(
    ("name", "log"), [("task-failed", REFUSED), ("task-failed-without-an-error-line", ["Traceback", "KeyError: 'a'"])]
)
def test_snapshot_of_a_task_that_failed(
    lab: Lab, airflow: AirflowOfRuns, tmp_path: Path, name: str, log: list[str]
) -> None:
    airflow.log = tuple(log)
    airflow.looks = [("failed", ["failed", "upstream_failed", "upstream_failed"])]
    check(lab, tmp_path, name, "lab run")


@pytest.mark.usefixtures("running")
def test_snapshot_of_a_run_that_takes_longer_than_the_limit(lab: Lab, airflow: AirflowOfRuns, tmp_path: Path) -> None:
    airflow.looks = [("running", ["success", "running", None])]
    check(lab, tmp_path, "run-too-long", "lab run --limit 1")


def test_snapshot_of_an_airflow_that_does_not_answer(
    lab: Lab, access: LoopbackAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "access", lambda: access)
    monkeypatch.setattr("lab.airflow.client.PATIENCE", 0.1)
    check(lab, tmp_path, "airflow-away", "lab logs --run latest")


def test_snapshot_of_a_git_server_that_does_not_answer(
    lab: Lab, access: LoopbackAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "access", lambda: access)
    check(lab, access.paths.source, "git-away", "lab history")


STEPS = {
    "step-rows": {"PIPELINE_ROWS": "many"},
    "step-pointer": {},
    "step-branch": {"PIPELINE_BRANCH": "nosuch"},
}


@pytest.mark.parametrize("name", STEPS)
def test_snapshot_of_a_step(running: LoopbackAccess, tmp_path: Path, name: str) -> None:
    """What stands in the log of a task."""
    variables = {
        "PIPELINE_REPOSITORY": running.repository_url, "PIPELINE_BRANCH": "main", "PIPELINE_ROWS": "1",
        "PIPELINE_DATASET": "datasets/d.csv", "PIPELINE_SHARED_DIR": str(tmp_path / "shared"),
        "PIPELINE_DAG_ID": "dataset_pipeline", "PIPELINE_RUN_ID": RUN, "PIPELINE_RUN_DATE": "2026-01-01",
        **STEPS[name],
    }  # fmt: skip
    finished = subprocess.run(
        [sys.executable, "-m", "lab.pipeline", "pull"], env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    printed = finished.stdout + finished.stderr
    assert_snapshot(name, "python -m lab.pipeline pull", finished.returncode, printed, {str(tmp_path): "<folder>"})
