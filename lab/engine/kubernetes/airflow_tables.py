"""The Airflow version of the database schema: the current one in PostgreSQL's image, maybe an older one in data."""

from __future__ import annotations

from pathlib import Path

from lab.engine.kubernetes.instance import ClusterInstance
from lab.pins import pins


def remember(instance: ClusterInstance) -> None:
    """Note that the database, which does not exist yet, will have the schema of the lab's current Airflow."""
    stamp(instance).write_text(this_airflow(), "utf-8")


def are_current(instance: ClusterInstance) -> bool:
    """Whether this Airflow created the database; one of an older or unknown Airflow has to be migrated."""
    return stamp(instance).exists() and stamp(instance).read_text("utf-8") == this_airflow()


def stamp(instance: ClusterInstance) -> Path:
    """Kept as long as the data, and never renewed: values that changed at each start would restart Airflow."""
    return instance.data.with_name(f"{instance.data.name}-airflow-tables")


def this_airflow() -> str:
    return str(pins()["images"]["airflow"])
