"""The phases of Airflow: its database, the API server and the scheduler, the DAG processor, and what starts runs."""

from __future__ import annotations

import functools
from pathlib import Path

from lab.engine.health import answers, dags_loaded, pushes_watched
from lab.engine.local import services
from lab.engine.local.instance import START_LIMIT, Instance
from lab.engine.names import API_SERVER, DAG_PROCESSOR, SCHEDULER, TRIGGERS
from lab.engine.phases import Note
from lab.proc import held, run
from lab.secrets import write_private


def database_stamp(instance: Instance) -> Path:
    """Names the Airflow environment that migrated the database."""
    return instance.paths.airflow / "migrated"


def database_done(instance: Instance) -> bool:
    stamp = database_stamp(instance)
    return stamp.exists() and stamp.read_text("utf-8") == instance.environment("airflow").wanted()


def migrate(instance: Instance, _: Note) -> None:
    access = instance.access()
    for name in (API_SERVER, SCHEDULER, DAG_PROCESSOR):
        instance.supervisor().stop(name)
    instance.paths.airflow.mkdir(parents=True, exist_ok=True, mode=0o700)
    program = instance.paths.program("airflow", "airflow")
    environment = services.airflow_environment(access)
    with held(instance.paths.airflow / "migrate.lock") as lock:
        command = [str(program), "db", "migrate"]
        run(command, env=environment, cwd=instance.paths.airflow, limit=START_LIMIT, inherit=[lock])
    database_stamp(instance).write_text(instance.environment("airflow").wanted(), "utf-8")


def airflow_done(instance: Instance) -> bool:
    access = instance.access()
    if not password_is_current(instance):
        return False
    wanted = [s for name, s in services.airflow_services(access).items() if name != DAG_PROCESSOR]
    return all(instance.supervisor().is_current(service) for service in wanted) and not instance.trouble(API_SERVER)


def password_is_current(instance: Instance) -> bool:
    file = services.password_file(instance.paths.airflow)
    return file.exists() and file.read_text("utf-8") == services.passwords(instance.access())


def start_airflow(instance: Instance, _: Note) -> None:
    """Start the API server and the scheduler; the DAG processor follows when there is a repository to read."""
    described = services.airflow_services(instance.access())
    write_private(services.password_file(instance.paths.airflow), services.passwords(instance.access()))
    for name in (API_SERVER, SCHEDULER):
        instance.start(described[name])
    url = f"{instance.access().airflow_url}/api/v2/version"
    instance.wait_for(API_SERVER, functools.partial(answers, url), "Airflow's API server")


def dags_done(instance: Instance) -> bool:
    access = instance.access()
    wanted = services.airflow_services(access)[DAG_PROCESSOR]
    running = instance.supervisor().is_current(wanted)
    return running and not instance.trouble(SCHEDULER) and not instance.trouble(DAG_PROCESSOR)


def load_dags(instance: Instance, _: Note) -> None:
    access = instance.access()
    since = instance.start(services.airflow_services(access)[DAG_PROCESSOR])
    instance.wait_for(DAG_PROCESSOR, functools.partial(dags_loaded, access, since), "Airflow")


def triggers_done(instance: Instance) -> bool:
    access = instance.access()
    service = services.triggers_service(access)
    return instance.supervisor().is_current(service) and not instance.trouble(TRIGGERS)


def start_triggers(instance: Instance, _: Note) -> None:
    """Start the service, and wait until it knows what was there before it: each later push counts."""
    access = instance.access()
    since = instance.start(services.triggers_service(access))
    instance.wait_for(TRIGGERS, functools.partial(pushes_watched, access, since - 1), "the watch for pushes")
