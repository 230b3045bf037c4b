"""Settings, commands and the database of Airflow."""

from __future__ import annotations

import inspect
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from http.server import HTTPServer

from airflow.api_fastapi.logging.decorators import action_logging
from airflow.cli import cli_parser
from airflow.configuration import conf
from airflow.models.taskinstance import TaskInstance
from airflow.utils.scheduler_health import HealthServer
from airflow.utils.state import State, TerminalTIState
from sqlalchemy import create_engine, select, update

from tests.airflow_seams.inside.registry import check, equal, expected, require

COMMANDS = ["api-server", "scheduler --skip-serve-logs", "dag-processor", "db migrate", "rotate-fernet-key"]


@check("settings")
def settings() -> None:
    known = {
        (section, option)
        for section, described in conf.configuration_description.items()
        for option in described["options"]
    }
    unknown = {
        f"{section}.{option} ({place})"
        for section, option, place in expected()["settings"]
        if (section, option) not in known
    }
    require(not unknown, f"Airflow has no setting {', '.join(sorted(unknown))}: it would ignore the value")


@check("commands")
def commands() -> None:
    parser = cli_parser.get_parser()
    for command in COMMANDS:
        try:
            parser.parse_args(command.split())
        except SystemExit as error:
            raise AssertionError(f"`airflow {command}` is refused") from error


@check("states")
def states() -> None:
    of_runs = {state.value for state in State.finished_dr_states}
    equal(of_runs, set(expected()["run_ended"]), "the final states of a run")
    equal({state.value for state in TerminalTIState}, set(expected()["task_ended"]), "the final states of a task")


@check("page-limit")
def page_limit() -> None:
    equal(conf.getint("api", "maximum_page_limit"), expected()["page"], "the most entries of a page")


@check("scheduler-health")
def scheduler_health() -> None:
    """The small web server that the probes of the overlay `local` query; no scheduler runs, so it answers 503."""
    equal(conf.getint("scheduler", "scheduler_health_check_server_port"), expected()["health_port"], "the port")
    with HTTPServer(("127.0.0.1", 0), HealthServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        statuses = {}
        for path in ("/health", "/any"):
            try:
                statuses[path] = opener.open(f"http://127.0.0.1:{server.server_port}{path}", timeout=10).status
            except urllib.error.HTTPError as error:
                statuses[path] = error.code
        server.shutdown()
    equal(statuses, {"/health": 503, "/any": 404}, "the answers without a scheduler")


@check("duration-on-sqlite")
def duration() -> None:
    """The lab computes the seconds of a task because Airflow's are wrong on SQLite."""
    start = datetime(2026, 11, 1, 12, 0, 0, 250000, UTC)
    end = start + timedelta(seconds=5)
    with create_engine("sqlite://").connect() as connection:
        statement = TaskInstance.duration_expression_update(end, update(TaskInstance), connection)
        expression = statement._values[TaskInstance.__table__.c.duration]
        connection.exec_driver_sql("CREATE TABLE task_instance (start_date TIMESTAMP, duration FLOAT)")
        connection.exec_driver_sql(
            "INSERT INTO task_instance (start_date) VALUES (?)", (start.strftime("%Y-%m-%d %H:%M:%S.%f"),)
        )
        seconds = connection.execute(select(expression)).scalar()
    require(seconds != 5, f"a task of 5 s has the duration {seconds} s: Airflow is correct, use its `duration`")


@check("log-entry-on-the-event-loop")
def log_entry() -> None:
    """Why the plugin one_writer exists: a coroutine writes the log entry of a request, with a blocking session."""
    write = action_logging()
    require(inspect.iscoroutinefunction(write), "the log entry is no longer written on the event loop")
    session = inspect.signature(write, eval_str=True).parameters["session"].annotation
    require("AsyncSession" not in str(session), f"the session of the log entry is {session}")
