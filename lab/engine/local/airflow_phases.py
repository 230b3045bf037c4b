"""The phases of Airflow: its database, the API server and the scheduler, the DAG processor."""

from __future__ import annotations

import functools
from pathlib import Path

from lab.engine.health import dags_loaded
from lab.engine.local.instance import START_LIMIT, LocalInstance
from lab.engine.phases import Note, Phase
from lab.proc import held, run
from lab.secrets import write_private
from lab.services import airflow as record
from lab.services.airflow import API_SERVER, DAG_PROCESSOR, SCHEDULER


def phases(instance: LocalInstance) -> list[Phase]:
    """All of them; they need the phases `supervisor`, `environment-airflow` and `dataset`."""
    return [database(instance), airflow(instance), dags(instance)]


def database(instance: LocalInstance) -> Phase:
    stamp = database_stamp(instance)

    def done() -> bool:
        return stamp.exists() and stamp.read_text("utf-8") == instance.environment("airflow").wanted()

    def migrate(_: Note) -> None:
        for name in (API_SERVER, SCHEDULER, DAG_PROCESSOR):
            instance.supervisor().stop(name)
        folder = instance.paths.airflow
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        environment = record.environment(instance.access())
        command = [str(instance.paths.program("airflow", "airflow")), "db", "migrate"]
        with held(folder / "migrate.lock") as lock:
            run(command, env=environment, cwd=folder, limit=START_LIMIT, inherit=[lock])
        stamp.write_text(instance.environment("airflow").wanted(), "utf-8")

    needs = ("supervisor", "environment-airflow")
    return Phase("database", "Migrating Airflow's database", START_LIMIT, done, migrate, needs)


def database_stamp(instance: LocalInstance) -> Path:
    """Names the Airflow environment that migrated the database."""
    return instance.paths.airflow / "migrated"


def airflow(instance: LocalInstance) -> Phase:
    """The API server and the scheduler; the DAG processor follows when there is a repository to read."""

    def done() -> bool:
        if not password_is_current(instance):
            return False
        return all(instance.runs(name) for name in (API_SERVER, SCHEDULER)) and not instance.trouble(API_SERVER)

    def start(_: Note) -> None:
        access = instance.access()
        write_private(record.password_file(instance.paths), record.passwords(access))
        for name in (API_SERVER, SCHEDULER):
            instance.start(instance.program(name))
        instance.wait_for(API_SERVER, functools.partial(record.api_answers, access), "Airflow's API server")

    return Phase("airflow", "Starting Airflow", START_LIMIT, done, start, ("database",))


def password_is_current(instance: LocalInstance) -> bool:
    file = record.password_file(instance.paths)
    return file.exists() and file.read_text("utf-8") == record.passwords(instance.access())


def dags(instance: LocalInstance) -> Phase:
    def done() -> bool:
        return instance.runs(DAG_PROCESSOR) and not instance.trouble(SCHEDULER) and not instance.trouble(DAG_PROCESSOR)

    def load(_: Note) -> None:
        since = instance.start(instance.program(DAG_PROCESSOR))
        instance.wait_for(DAG_PROCESSOR, functools.partial(dags_loaded, instance.access(), since), "Airflow")

    return Phase("dags", "Loading the DAGs from the repository", START_LIMIT, done, load, ("database", "dataset"))
