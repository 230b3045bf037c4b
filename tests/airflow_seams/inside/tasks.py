"""Runs tasks by Airflow's own task runner, without its supervisor: what the runner sends to it is dropped."""

from __future__ import annotations

import contextlib
import signal
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest import mock

import structlog
from airflow.sdk import DAG
from airflow.sdk.api.datamodels._generated import DagRun, DagRunState, DagRunType, TIRunContext
from airflow.sdk.execution_time import task_runner

RUN_ID = "manual__2026-11-01T12:00:00+00:00"
PARAMETERS = {"rows": 3, "branch": "main", "dataset": "datasets/any.csv"}
COMMIT = "a" * 40


def dag() -> Any:
    """A DAG for one task, with the parameters of the pipeline."""
    return DAG("seams", schedule=None, params=PARAMETERS)


def instance(task: Any, try_number: int = 1) -> Any:
    """A try of a task with three retries, as Airflow gives it to the process that runs the task."""
    now = datetime(2026, 11, 1, 12, tzinfo=UTC)
    # Without validation: what a newer Airflow adds to a run is None here.
    known = {
        "dag_id": task.dag_id,
        "run_id": RUN_ID,
        "run_after": now,
        "start_date": now,
        "run_type": DagRunType.MANUAL,
        "state": DagRunState.RUNNING,
        "consumed_asset_events": [],
    }
    run = DagRun.model_construct(**{**dict.fromkeys(DagRun.model_fields), **known})
    return task_runner.RuntimeTaskInstance.model_construct(
        id=uuid.uuid4(),
        dag_version_id=uuid.uuid4(),
        task_id=task.task_id,
        dag_id=task.dag_id,
        run_id=RUN_ID,
        try_number=try_number,
        map_index=-1,
        task=task,
        bundle_instance=SimpleNamespace(name="lab", version=COMMIT, path="/"),
        _ti_context_from_server=TIRunContext(dag_run=run, max_tries=3, should_retry=True),
        max_tries=3,
        start_date=now,
        state="running",
    )


@contextlib.contextmanager
def without_supervisor() -> Iterator[None]:
    """What a task sends to its supervisor is dropped; the signal handlers of this process are restored."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with mock.patch.object(task_runner, "SUPERVISOR_COMMS", mock.Mock(), create=True):
            yield
    finally:
        signal.signal(signal.SIGTERM, handler)


def run(task: Any) -> tuple[str, BaseException | None]:
    """The state of the task after one try, and its error."""
    with without_supervisor():
        ti = instance(task)
        state, _, error = task_runner.run(ti, ti.get_template_context(), structlog.get_logger("seams"))
    return state.value, error
