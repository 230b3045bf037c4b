"""Whose tables the database has: PostgreSQL's image has this Airflow's, kept data those of its time."""

from __future__ import annotations

from pathlib import Path

from lab.engine.kind.instance import Instance
from lab.pins import pins


def remember(instance: Instance) -> None:
    """Note that the database, which is not there yet, will have the tables of the Airflow that the lab has now."""
    stamp(instance).write_text(this_airflow(), "utf-8")


def are_current(instance: Instance) -> bool:
    """Whether the database was made by this Airflow; by an older one, or an unknown one, it has to be migrated."""
    return stamp(instance).exists() and stamp(instance).read_text("utf-8") == this_airflow()


def stamp(instance: Instance) -> Path:
    """Kept as long as the data, and never renewed: values that changed at each start would restart Airflow."""
    return instance.paths.data / "kind-airflow-tables"


def this_airflow() -> str:
    return str(pins()["images"]["airflow"])
