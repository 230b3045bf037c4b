"""`lab run` against Airflow's answers: when a run is over, what is said while it is not, and what is refused before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.access import LoopbackAccess
from lab.cli import context
from lab.lineage import follow
from tests.unit.airflow_lab import BROKEN, COMMIT, TASKS, AirflowLab, lab_repository
from tests.unit.airflow_server import airflow_server
from tests.unit.conftest import Outcome

Lab = Callable[..., Outcome]
SUCCESS: list[str | None] = ["success"] * 3


@pytest.fixture
def airflow() -> AirflowLab:
    return AirflowLab()


@pytest.fixture(autouse=True)
def running(airflow: AirflowLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackAccess]:
    """A lab that is up: its repository is a folder, its Airflow gives the answers of `airflow`."""
    with airflow_server(tmp_path / "lab", airflow.answer) as access:
        found = replace(access, urls={**access.urls, "git": lab_repository(tmp_path)})
        found.paths.user_home.mkdir(parents=True)
        monkeypatch.setattr(context, "access", lambda: found)
        yield found


def test_a_run_is_over_when_all_its_tasks_are_whatever_airflow_says_of_the_run(lab: Lab, airflow: AirflowLab) -> None:
    airflow.looks = [("running", ["success", "success", "running"]), ("running", SUCCESS)]
    outcome = lab("run", "--limit", "30")
    assert outcome.status == 0
    assert airflow.seen == 2
    assert all(f"✓ {task}" in outcome.err for task in TASKS)


@pytest.mark.parametrize("state", ["up_for_retry", "up_for_reschedule", "deferred", "restarting", None])
def test_a_task_that_will_run_again_is_no_end(lab: Lab, airflow: AirflowLab, state: str | None) -> None:
    airflow.looks = [("running", ["success", "success", state])]
    assert lab("run", "--limit", "1").status == 10
    assert airflow.seen > 1


def test_a_run_without_tasks_yet_is_no_end(lab: Lab, airflow: AirflowLab) -> None:
    airflow.looks = [("queued", []), ("success", SUCCESS)]
    assert lab("run", "--limit", "30").status == 0
    assert airflow.seen == 2


def test_only_airflow_ends_a_run_that_takes_up_tasks_of_a_changed_dag(lab: Lab, airflow: AirflowLab) -> None:
    airflow.bundle_version = None  # git-sync
    airflow.looks = [("running", SUCCESS)]
    outcome = lab("run", "--limit", "1")
    assert outcome.status == 10
    assert "did not finish within 1 s; its tasks succeeded" in outcome.err
    assert "hint: the run continues in Airflow: make lab-logs RUN=manual__" in outcome.err


def test_what_did_not_run_because_of_a_failure_is_shown_as_skipped(lab: Lab, airflow: AirflowLab) -> None:
    airflow.looks = [("running", ["failed", "upstream_failed", "upstream_failed"])]
    outcome = lab("run", "--limit", "30")
    assert outcome.status == 1
    assert "✗ pull_data: failed" in outcome.err
    assert "– modify_data: skipped (pull_data failed)" in outcome.err


def test_the_commit_of_the_dag_code_is_printed_and_in_the_json(lab: Lab, airflow: AirflowLab) -> None:
    airflow.looks = [("success", SUCCESS)]
    outcome = lab("run", "--json")
    assert f"DAG code of commit {COMMIT}" in outcome.err
    assert json.loads(outcome.out)["dag_commit"] == COMMIT


def test_a_dag_that_does_not_load_is_refused_with_file_and_line(lab: Lab, airflow: AirflowLab) -> None:
    airflow.break_dag()
    outcome = lab("run")
    assert outcome.status == 10
    assert outcome.err.splitlines()[0] == f"error: the DAG dataset_pipeline does not load: {BROKEN}"
    assert airflow.started == []


def test_a_dag_that_breaks_during_a_run_is_reported_at_its_end(lab: Lab, airflow: AirflowLab) -> None:
    airflow.looks = [("running", ["running", None, None]), ("running", SUCCESS)]
    airflow.on_look = lambda seen: airflow.break_dag() if seen == 1 else None
    outcome = lab("run", "--limit", "30")
    assert outcome.status == 0
    assert f"warning: the DAG dataset_pipeline no longer loads: {BROKEN}" in outcome.err


def test_a_run_that_waits_for_a_broken_dag_says_so_and_is_watched_no_longer(
    lab: Lab, airflow: AirflowLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(follow, "STUCK_SECONDS", 0.5)
    airflow.looks = [("running", ["success", None, None])]
    airflow.on_look = lambda seen: airflow.break_dag() if seen == 1 else None
    outcome = lab("run", "--limit", "60")
    assert outcome.status == 10
    assert f"waits: the DAG dataset_pipeline no longer loads: {BROKEN}" in outcome.err
    assert "the run then continues in Airflow" in outcome.err


def test_a_branch_that_is_not_there_is_refused_before_a_run_is_started(lab: Lab, airflow: AirflowLab) -> None:
    outcome = lab("run", "--branch", "nope")
    assert (outcome.status, outcome.err) == (9, "error: there is no branch 'nope'\nhint: branches: main\n")
    assert airflow.started == []


def test_a_branch_that_is_there_is_handed_on(lab: Lab, airflow: AirflowLab) -> None:
    airflow.looks = [("success", SUCCESS)]
    assert lab("run", "--branch", "main").status == 0
    assert [run["conf"] for run in airflow.started] == [{"branch": "main"}]


@pytest.mark.parametrize("path", ["../../etc/passwd", "../x.csv", "/etc/x.csv", "a/../../x.csv", "d.txt", "d.csv.dvc"])
def test_a_dataset_that_the_pipeline_would_refuse_is_a_wrong_option(lab: Lab, airflow: AirflowLab, path: str) -> None:
    outcome = lab("run", "--dataset", path)
    assert outcome.status == 2
    assert f"{path!r} is not the path of a .csv file inside the repository" in outcome.err
    assert airflow.started == []


def test_ctrl_c_says_that_the_run_continues(airflow: AirflowLab, running: LoopbackAccess) -> None:
    airflow.looks = [("running", ["running", None, None])]
    code = (
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import pathlib, sys\nfrom lab.access import LoopbackAccess\nfrom lab.config import Settings\n"
        "from lab.paths import Paths\nfrom lab.cli import context, main\n"
        f"paths = Paths(pathlib.Path({str(running.paths.source)!r}), pathlib.Path({str(running.paths.home)!r}))\n"
        f"found = LoopbackAccess(paths, Settings(), {dict(running.urls)!r})\n"
        "context.access = lambda: found\nsys.argv = ['lab', 'run']\nmain()"
    )
    with subprocess.Popen([sys.executable, "-c", code], env=dict(os.environ), stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        next(line for line in run.stderr if line.startswith("• pull_data"))
        run.send_signal(signal.SIGINT)
        output = run.stderr.read()
        assert run.wait(20) == 130
    run_id = airflow.started[0]["dag_run_id"]
    assert f"Stopped watching. Run {run_id} continues in Airflow.\nhint: make lab-logs RUN={run_id}\n" in output
