"""Airflow's API server on a new SQLite database: with DAGs of the bundle, and one run with a log."""

from __future__ import annotations

import contextlib
import io
import socket
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import structlog
import uvicorn
from airflow.api_fastapi.app import cached_app
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.models.dagrun import DagRun
from airflow.sdk.execution_time import supervisor
from airflow.sdk.log import logging_processors
from airflow.serialization.serialized_objects import DagSerialization
from airflow.utils.db import initdb
from airflow.utils.log.file_task_handler import FileTaskHandler
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select

from tests.airflow_seams.inside.bundles import bundle
from tests.airflow_seams.inside.registry import check, expected, require

RUN_ID = "manual__with_a_log"
SECONDS = 5


def prepare() -> None:
    """Make the database, and load the DAGs as the DAG processor does: those of the bundle, errors included."""
    initdb()
    DagBundlesManager().sync_bundles_to_db()
    found = bundle()
    bag = BundleDagBag(found.path, bundle_path=found.path, bundle_name="lab")
    sync_bag_to_db(bag, "lab", expected()["commit"])
    record_run(bag.dags[expected()["dag"]])


def record_run(dag: Any) -> None:
    """A run with a task that took SECONDS and failed, with its log."""
    scheduled = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    start = datetime(2026, 11, 1, 12, tzinfo=UTC)
    scheduled.create_dagrun(
        run_id=RUN_ID,
        run_after=start,
        logical_date=None,
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.FAILED,
        start_date=start,
    )
    with create_session() as session:
        run = session.scalar(select(DagRun).where(DagRun.run_id == RUN_ID))
        task = run.get_task_instance("pull_data", session=session)
        task.state, task.try_number = TaskInstanceState.FAILED, 1
        task.start_date, task.end_date = start, start + timedelta(seconds=SECONDS)
        session.flush()
        write_log(log_name(task))


def log_name(task: Any) -> str:
    return str(FileTaskHandler("")._render_filename(task, 1))


def write_log(name: str) -> None:
    """Write the log of a task as its process and its supervisor do: the lines of a step, and an exception."""
    sent = io.BytesIO()
    processors = logging_processors(json_output=True, sending_to_supervisor=True)
    log = structlog.wrap_logger(structlog.BytesLogger(sent), processors=processors, logger_name="task").bind()
    log.info("error: the step said so")
    try:
        int("no number")
    except ValueError:
        log.exception("Task failed with exception")
    log.info("::group::Post Execute")
    with mock.patch.object(supervisor, "_remote_logging_conn", contextlib.nullcontext):
        target, file = supervisor._configure_logging(name, None)
    with file:
        forward = supervisor.process_log_messages_from_subprocess((target,))
        next(forward)
        for line in sent.getvalue().splitlines():
            forward.send(line)


@check("plugins-in-the-api-server")
def plugins() -> None:
    """All plugins of the lab are middlewares around the whole server."""
    found = {each.cls.__name__ for each in cached_app().user_middleware}
    require({"OneWriter", "SameOrigin"} <= found, f"its middlewares are {sorted(found)}")


def serve(listener: socket.socket) -> None:
    """Serve Airflow's API until this process is ended."""
    configuration = uvicorn.Config(cached_app(), log_level="warning")
    uvicorn.Server(configuration).run(sockets=[listener])
