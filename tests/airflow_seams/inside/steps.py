"""The steps as processes, and the DAG (dags/lab_steps.py, dags/dataset_pipeline.py)."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from airflow.providers.standard.hooks import subprocess as subprocess_hooks
from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction

from lab.wait import NotYetError, wait_until
from tests.airflow_seams.inside import tasks
from tests.airflow_seams.inside.registry import check, equal, require

HERE = {"PIPELINE_PATH": "/bin", "PIPELINE_OPERATOR": "process"}


def process(script: str, **options: Any) -> Any:
    steps = importlib.import_module("lab_steps")
    with tasks.dag():
        return steps.ProcessOperator(
            task_id="pull_data", command=["sh", "-c", script], environment=dict(steps.RUN), retries=3, **options
        )


@check("step-process-exit-status")
def exit_status() -> None:
    with mock.patch.dict(os.environ, HERE):
        for status, expected in {0: "success", 65: "failed", 69: "up_for_retry"}.items():
            state, error = tasks.run(process(f"exit {status}"))
            equal(state, expected, f"the state of a task that ended with exit status {status} ({error!r})")


@check("step-variables")
def variables() -> None:
    """The templates of a step's environment, as the process has them."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, HERE):
        state, error = tasks.run(process(f"env > {folder}/environment; exit 0"))
        equal(state, "success", f"the state ({error!r})")
        found = dict(line.split("=", 1) for line in Path(folder, "environment").read_text("utf-8").splitlines())
    expected = {
        "PIPELINE_RUN_ID": tasks.RUN_ID,
        "PIPELINE_DAG_ID": "seams",
        "PIPELINE_CODE_VERSION": tasks.COMMIT,
        "PIPELINE_RUN_DATE": "2026-11-01",
        "PIPELINE_BRANCH": "main",
        "PIPELINE_DATASET": "datasets/any.csv",
        "PIPELINE_ROWS": "3",
        "PIPELINE_TRIES_LEFT": "3",
    }
    equal({name: found.get(name) for name in expected}, expected, "the environment of a step")
    own = [name for name in found if name.startswith("AIRFLOW__")]
    require(not own, f"a step has settings of Airflow: {own}")


@check("step-limit")
def limit() -> None:
    """A step that reaches its limit is ended by `on_kill`, and tried again."""
    hooks: list[SubprocessHook] = []

    class Recorded(SubprocessHook):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            hooks.append(self)

    with mock.patch.dict(os.environ, HERE), mock.patch.object(subprocess_hooks, "SubprocessHook", Recorded):
        state, error = tasks.run(process("while :; do sleep 0.05; done", execution_timeout=timedelta(seconds=0.5)))
    step = hooks[0].sub_process
    try:
        wait_until(lambda: require_ended(step), what="the end of the step", limit=10, pause=0.02)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(step.pid, signal.SIGKILL)
    equal((state, type(error).__name__), ("up_for_retry", "AirflowTaskTimeout"), "a step that reached its limit")


def require_ended(step: subprocess.Popen[bytes]) -> None:
    if step.poll() is None:
        raise NotYetError("its process is still running")


@check("pipeline-dag")
def pipeline() -> None:
    """The lab's DAG loads, and has no run that is due at its first start."""
    with mock.patch.dict(os.environ, {"PIPELINE_OPERATOR": "process"}):
        dag = importlib.import_module("dataset_pipeline").dag
    equal([task.task_id for task in dag.topological_sort()], ["pull_data", "modify_data", "push_data"], "the tasks")
    scheduled = DagSerialization.from_dict(DagSerialization.to_dict(dag))  # as the scheduler has it
    no_limit = TimeRestriction(earliest=None, latest=None, catchup=False)
    first = scheduled.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=no_limit)
    require(first is not None and first.run_after > datetime.now(UTC), f"the first scheduled run is {first}")
