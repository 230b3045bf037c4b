"""The Helm values that the engine knows: images, URLs, the bucket. Everything else stands in files below `k8s/`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.access import REPOSITORY, Access
from lab.engine.kind import inside
from lab.engine.kind.manifests import generated_folder, name_and_tag
from lab.helm_values import OWN_FILE

COMPONENTS = ("apiServer", "scheduler", "dagProcessor")


def engine_values(access: Access, images: Mapping[str, str], *, migrated: bool) -> dict[str, Any]:
    """What the files cannot know. With `migrated` the database has this Airflow's tables.

    `images` has the references of `airflow`, `worker` and `gitsync`.
    """
    repository, tag = name_and_tag(images["airflow"])
    sync_repository, sync_tag = name_and_tag(images["gitsync"])
    settings = access.settings
    environment = json.dumps(inside.pipeline_environment(access, images["worker"]), sort_keys=True)
    # Without login and password: GitHook would put them into the URL. The credential helper has them.
    connection = json.dumps({"conn_type": "git", "host": access.repository_url})
    return {
        "defaultAirflowRepository": repository,
        "defaultAirflowTag": tag,
        "images": {"gitSync": {"repository": sync_repository, "tag": sync_tag}},
        "env": [{"name": "AIRFLOW_CONN_GIT_DEFAULT", "value": connection}],
        # Pods read a ConfigMap when they start: another one is another pod.
        "airflowPodAnnotations": {"lab/environment": hashlib.sha256(environment.encode()).hexdigest()[:12]},
        "config": {
            "core": {"parallelism": settings.airflow.parallelism},
            "api": {"base_url": access.airflow_url},
            "logging": {"remote_base_log_folder": f"s3://{settings.storage.bucket}/logs"},
            "dag_processor": {"refresh_interval": settings.airflow.refresh_seconds},
        },
        "dags": {"gitSync": {"repo": f"{inside.GIT_URL}/{REPOSITORY}"}},
        **({} if migrated else migrations()),
    }


def migrations() -> dict[str, Any]:
    """What turns the chart's own migration on again where an overlay has it off."""
    waiting = {name: {"waitForMigrations": {"enabled": True}} for name in COMPONENTS}
    return {"migrateDatabaseJob": {"enabled": True}, **waiting}


def values_files(access: Access, images: Mapping[str, str], *, migrated: bool) -> list[Path]:
    """All values files in the order in which Helm is to merge them; the engine's own is written anew."""
    source, folder = access.paths.source, generated_folder(access.paths)
    generated = folder / "airflow-values.json"  # JSON is YAML
    folder.mkdir(parents=True, exist_ok=True)
    generated.write_text(json.dumps(engine_values(access, images, migrated=migrated), indent=2) + "\n", "utf-8")
    files = [*shipped_files(source, "local", access.settings.airflow.dags), generated]
    own = source / OWN_FILE
    return [*files, own] if own.exists() else files


def shipped_files(source: Path, place: str, dags: str) -> list[Path]:
    """The values files of the checkout for one overlay and one way by which DAG code comes to Airflow."""
    k8s = source / "k8s"
    base = k8s / "base"
    return [
        base / "airflow-values.yaml",
        base / f"dags-{dags}-values.yaml",
        k8s / "overlays" / place / "airflow-values.yaml",
    ]
