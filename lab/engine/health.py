"""Health checks of the services, done the way their users use them."""

from __future__ import annotations

import time
from datetime import datetime

from lab import services
from lab.access import DAG, Access
from lab.airflow.client import Airflow
from lab.airflow.dag_errors import CORRECT, ImportFault
from lab.components import storage
from lab.errors import LabError, NotRunningError, ServiceError
from lab.host import Check
from lab.pipeline.git import GitError
from lab.services import LOCAL
from lab.wait import NotYetError

PARSE_SECONDS = 30
"""Seconds in which the DAG processor parses every file of the bundle, on a slow machine."""


def bucket_answers(access: Access) -> None:
    storage.bucket_exists(access)


def dags_loaded(access: Access, since: float) -> None:
    """Return if Airflow is healthy and has parsed the DAGs later than `since`: the pipeline loads, or has an error.

    A DAG that does not load is for the user to correct, in a lab that is up.
    """
    try:
        with Airflow(access) as airflow:
            airflow.require_healthy(since - 1)
            if not is_parsed(airflow, since):
                raise NotYetError(f"the DAG {DAG} is not parsed yet")
    except (NotRunningError, ServiceError) as error:
        raise NotYetError(error.message) from error


def is_parsed(airflow: Airflow, since: float) -> bool:
    """Whether Airflow has parsed the pipeline's file later than `since`, with or without errors."""
    dag = airflow.dag()
    file = dag["relative_fileloc"] if dag else f"{DAG}.py"
    if any(fault.source == file for fault in airflow.import_errors(since)):
        return True
    if dag is None:
        return False
    if dag["is_stale"]:  # a removed file is no fault: Airflow has had the time to parse it if it existed
        return time.time() - since > PARSE_SECONDS
    return datetime.fromisoformat(dag["last_parsed_time"]).timestamp() >= since


def import_errors(access: Access) -> list[ImportFault]:
    """The DAG files that do not load, if Airflow answers."""
    try:
        with Airflow(access) as airflow:
            return airflow.import_errors()
    except LabError:
        return []


def dag_checks(faults: list[ImportFault]) -> list[Check]:
    """The checks of DAGs in `lab doctor`, if Airflow answers."""
    if not faults:
        return [Check("DAGs", "ok", "every file loads")]
    return [Check(f"DAG file {fault.source}", "fail", f"does not load: {fault}", CORRECT) for fault in faults]


def trouble(access: Access, name: str, where: str) -> str:
    """Why a running service is not healthy, or nothing; `where` it runs is LOCAL or CLUSTER (lab.services)."""
    service = services.find(name)
    probe = service.process.probe if where == LOCAL and service.process and service.process.probe else service.probe
    try:
        if probe:
            probe(access)
    except NotYetError as error:
        return str(error)
    except (LabError, GitError) as error:
        return error.message
    return ""
