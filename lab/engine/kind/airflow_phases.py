"""The phases of Airflow: the official chart installed by Helm, the API, and the DAGs from the repository."""

from __future__ import annotations

import functools
import time

from lab.engine.health import answers, dags_loaded
from lab.engine.kind import release, waiting
from lab.engine.kind.instance import AIRFLOW, Instance
from lab.engine.kind.platform_phases import succeeds
from lab.engine.phases import Note

READY_LIMIT = 300
"""Seconds that Airflow may take on a slow machine until it answers; it is some twenty on two cores."""


def release_done(instance: Instance) -> bool:
    return release.is_current(instance)


def install_release(instance: Instance, note: Note) -> None:
    note("the official chart")
    release.install(instance)


def airflow_done(instance: Instance) -> bool:
    return succeeds(functools.partial(answers, version_url(instance)))


def wait_for_airflow(instance: Instance, note: Note) -> None:
    probe = functools.partial(answers, version_url(instance))
    waiting.wait_for(instance, probe, note, what="Airflow's API server", namespace=AIRFLOW, limit=READY_LIMIT)


def dags_done(instance: Instance) -> bool:
    # A component that was killed is told dead by Airflow within half a minute: its last heartbeat counts till then.
    return succeeds(functools.partial(dags_loaded, instance.access(), 0))


def wait_for_dags(instance: Instance, note: Note) -> None:
    probe = functools.partial(dags_loaded, instance.access(), time.time() - READY_LIMIT)
    waiting.wait_for(instance, probe, note, what="Airflow", namespace=AIRFLOW, limit=READY_LIMIT)


def version_url(instance: Instance) -> str:
    return f"{instance.access().airflow_url}/api/v2/version"
