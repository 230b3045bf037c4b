"""The phases of Airflow: its database, the API server and the scheduler, the DAG processor, and what starts runs."""

from __future__ import annotations

import functools
from pathlib import Path

from lab.engine.health import answers, dags_loaded, pushes_watched
from lab.engine.local import services
from lab.engine.local.instance import START_LIMIT, Instance
from lab.engine.names import API_SERVER, DAG_PROCESSOR, SCHEDULER, TRIGGERS
from lab.engine.phases import Note, Phase
from lab.proc import held, run
from lab.secrets import write_private


def phases(instance: Instance) -> list[Phase]:
    """All of them; they need the phases `supervisor`, `environment-airflow` and `dataset`."""
    watch = [triggers(instance)] if instance.settings.triggers.on_push else []
    return [database(instance), airflow(instance), dags(instance), *watch]


def database(instance: Instance) -> Phase:
    stamp = database_stamp(instance)

    def done() -> bool:
        return stamp.exists() and stamp.read_text("utf-8") == instance.environment("airflow").wanted()

    def migrate(_: Note) -> None:
        for name in (API_SERVER, SCHEDULER, DAG_PROCESSOR):
            instance.supervisor().stop(name)
        folder = instance.paths.airflow
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        environment = services.airflow_environment(instance.access())
        command = [str(instance.paths.program("airflow", "airflow")), "db", "migrate"]
        with held(folder / "migrate.lock") as lock:
            run(command, env=environment, cwd=folder, limit=START_LIMIT, inherit=[lock])
        stamp.write_text(instance.environment("airflow").wanted(), "utf-8")

    needs = ("supervisor", "environment-airflow")
    return Phase("database", "Migrating Airflow's database", START_LIMIT, done, migrate, needs)


def database_stamp(instance: Instance) -> Path:
    """Names the Airflow environment that migrated the database."""
    return instance.paths.airflow / "migrated"


def airflow(instance: Instance) -> Phase:
    """The API server and the scheduler; the DAG processor follows when there is a repository to read."""

    def done() -> bool:
        if not password_is_current(instance):
            return False
        described = services.airflow_services(instance.access())
        wanted = [service for name, service in described.items() if name != DAG_PROCESSOR]
        return all(instance.supervisor().is_current(service) for service in wanted) and not instance.trouble(API_SERVER)

    def start(_: Note) -> None:
        access = instance.access()
        described = services.airflow_services(access)
        write_private(services.password_file(instance.paths.airflow), services.passwords(access))
        for name in (API_SERVER, SCHEDULER):
            instance.start(described[name])
        url = f"{access.airflow_url}/api/v2/version"
        instance.wait_for(API_SERVER, functools.partial(answers, url), "Airflow's API server")

    return Phase("airflow", "Starting Airflow", START_LIMIT, done, start, ("database",))


def password_is_current(instance: Instance) -> bool:
    file = services.password_file(instance.paths.airflow)
    return file.exists() and file.read_text("utf-8") == services.passwords(instance.access())


def dags(instance: Instance) -> Phase:
    def done() -> bool:
        running = instance.supervisor().is_current(services.airflow_services(instance.access())[DAG_PROCESSOR])
        return running and not instance.trouble(SCHEDULER) and not instance.trouble(DAG_PROCESSOR)

    def load(_: Note) -> None:
        access = instance.access()
        since = instance.start(services.airflow_services(access)[DAG_PROCESSOR])
        instance.wait_for(DAG_PROCESSOR, functools.partial(dags_loaded, access, since), "Airflow")

    return Phase("dags", "Loading the DAGs from the repository", START_LIMIT, done, load, ("database", "dataset"))


def triggers(instance: Instance) -> Phase:
    def done() -> bool:
        service = services.triggers_service(instance.access())
        return instance.supervisor().is_current(service) and not instance.trouble(TRIGGERS)

    def start(_: Note) -> None:
        """Wait until the service knows what was there before it: each later push counts."""
        access = instance.access()
        since = instance.start(services.triggers_service(access))
        instance.wait_for(TRIGGERS, functools.partial(pushes_watched, access, since - 1), "the watch for pushes")

    return Phase("triggers", "Watching for pushes", START_LIMIT, done, start, ("airflow", "dataset"))
