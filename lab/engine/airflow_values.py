"""The Helm values that no file can hold, on kind and EKS alike: images, URLs, the bucket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import indent
from typing import Any

from lab.airflow import CLUSTER_POLICY, PLUGINS, SHARED_PLUGIN
from lab.content import json_digest
from lab.engine.configuration import ANNOTATION


def airflow_values(
    images: Mapping[str, str],
    *,
    environment: Mapping[str, str],
    secrets: Mapping[str, Mapping[str, str]] | None = None,
    repository_url: str,
    sync_url: str,
    airflow_url: str,
    bucket: str,
    parallelism: int,
    max_active_runs: int,
    refresh_seconds: int,
) -> dict[str, Any]:
    """The values of one place.

    `images` has the references of `airflow` and `gitsync`; `environment` is the ConfigMap `pipeline-environment`,
    `secrets` are the Secrets that Airflow's pods read, where they are known: other content starts other pods;
    `sync_url` is where git-sync finds the repository from inside the cluster.
    """
    repository, tag = name_and_tag(images["airflow"])
    sync_repository, sync_tag = name_and_tag(images["gitsync"])
    # Without login and password: GitHook would put them into the URL. The credential helper has them.
    connection = json.dumps({"conn_type": "git", "host": repository_url})
    return {
        "defaultAirflowRepository": repository,
        "defaultAirflowTag": tag,
        "images": {"gitSync": {"repository": sync_repository, "tag": sync_tag}},
        "env": [{"name": "AIRFLOW_CONN_GIT_DEFAULT", "value": connection}],
        "airflowPodAnnotations": {ANNOTATION: json_digest([dict(environment), secrets or {}])},
        "config": {
            "core": {"parallelism": parallelism, "max_active_runs_per_dag": max_active_runs},
            "api": {"base_url": airflow_url},
            "logging": {"remote_base_log_folder": f"s3://{bucket}/logs"},
            "dag_processor": {"refresh_interval": refresh_seconds},
        },
        "scheduler": {"resources": {"limits": {"memory": f"{scheduler_memory(parallelism)}Mi"}}},
        "airflowLocalSettings": policy(),
        "extraConfigMaps": {"airflow-plugins": {"data": f"{SHARED_PLUGIN}: |\n{indent(plugin(), '  ')}"}},
        "dags": {"gitSync": {"repo": sync_url}},
    }


def scheduler_memory(parallelism: int) -> int:
    """MiB that the scheduler may hold with so many tasks of the LocalExecutor: each is a process with the providers."""
    return 1024 + 192 * parallelism


def policy() -> str:
    """The text of Airflow's `airflow_local_settings.py`; the chart renders it as a template, so it has no `{{`."""
    return CLUSTER_POLICY.read_text("utf-8")


def plugin() -> str:
    """The text of the plugin; the chart renders it as a template, so it has no `{{`."""
    return (PLUGINS / SHARED_PLUGIN).read_text("utf-8")


def shipped_files(source: Path, place: str, dags: str) -> list[Path]:
    """The values files of the checkout for one overlay and one way by which DAG code comes to Airflow."""
    k8s = source / "k8s"
    base = k8s / "base"
    return [
        base / "airflow-values.yaml",
        base / f"dags-{dags}-values.yaml",
        k8s / "overlays" / place / "airflow-values.yaml",
    ]


def name_and_tag(reference: str) -> tuple[str, str]:
    """An image reference without a digest as its two halves; the tag is `latest` where there is none."""
    name, separator, tag = reference.rpartition(":")
    return (name, tag) if separator and "/" not in tag else (reference, "latest")
