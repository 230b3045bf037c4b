"""The Helm values that the engine knows: images, URLs, the bucket. Everything else is in files below `k8s/`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.access import REPOSITORY, LoopbackAccess
from lab.chart import find_chart
from lab.engine.airflow_values import airflow_values, shipped_files
from lab.engine.kubernetes import airflow_tables, inside
from lab.engine.kubernetes.instance import ClusterInstance
from lab.engine.kubernetes.manifests import airflow_secrets
from lab.engine.kubernetes.release import Release
from lab.helm_values import OWN_FILE, ValuesFile

COMPONENTS = ("apiServer", "scheduler", "dagProcessor")


def engine_values(access: LoopbackAccess, images: Mapping[str, str], *, migrated: bool) -> dict[str, Any]:
    """What the files cannot know. With `migrated` the database has this Airflow's tables.

    `images` has the references of `airflow`, `worker` and `gitsync`.
    """
    settings = access.settings
    values = airflow_values(
        images,
        environment=inside.pipeline_environment(access, images["worker"]),
        secrets=read_by_airflow(access),
        repository_url=access.repository_url,
        sync_url=f"{inside.git_url()}/{REPOSITORY}",
        airflow_url=access.url("airflow"),
        bucket=settings.storage.bucket,
        parallelism=settings.airflow.parallelism,
        max_active_runs=settings.airflow.max_active_runs,
        refresh_seconds=settings.airflow.refresh_seconds,
    )
    return {**values, **({} if migrated else migrations())}


def read_by_airflow(access: LoopbackAccess) -> dict[str, dict[str, str]] | None:
    """The objects that Airflow's pods restart for; None before the lab has secrets, when values are checked."""
    if access.secrets.missing():
        return None
    # They hold credentials that STS issued, which are valid only with the key that they are derived from.
    return {**airflow_secrets(access), "issued-credentials": {"session-key": access.secrets["sts-session-key"]}}


def migrations() -> dict[str, Any]:
    """Values that enable the chart's own migration again where an overlay disables it."""
    waiting = {name: {"waitForMigrations": {"enabled": True}} for name in COMPONENTS}
    return {"migrateDatabaseJob": {"enabled": True}, **waiting}


def values_files(
    access: LoopbackAccess, images: Mapping[str, str], folder: Path, *, migrated: bool
) -> list[ValuesFile]:
    """All values files in the order in which Helm is to merge them; the generated one is for `folder`."""
    source = access.paths.source
    shipped = [ValuesFile.read(file) for file in shipped_files(source, "local", access.settings.airflow.dags)]
    generated = ValuesFile.of(folder / "airflow-values.json", engine_values(access, images, migrated=migrated))
    own = source / OWN_FILE
    return [*shipped, generated, *([ValuesFile.read(own)] if own.exists() else [])]


def wanted(instance: ClusterInstance) -> Release:
    """What would be installed in this cluster now.

    Raises:
        SettingsError: a file of values cannot be read.
        NetworkError: there is no chart, and none is available.
    """
    migrated = airflow_tables.are_current(instance)
    values = values_files(instance.access(), instance.references(), instance.run_files, migrated=migrated)
    return Release(find_chart(instance.settings), values)
