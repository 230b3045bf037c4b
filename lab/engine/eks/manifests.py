"""What the lab adds to `k8s/overlays/eks`: the pipeline's environment, the file system, the chart's values."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from lab.engine.airflow_secrets import LABELS
from lab.engine.airflow_values import airflow_values, shipped_files
from lab.engine.eks.settings import EksSettings
from lab.errors import SettingsError
from lab.paths import Paths
from lab.pipeline.git import isolated_variables

NAMESPACE = "airflow"


def pipeline_environment(settings: EksSettings) -> dict[str, str]:
    """What Airflow and the step pods share, secrets aside: the ConfigMap `pipeline-environment`."""
    # A volume of EBS is on one node at a time, so all pods that use it have to be there.
    nodes = {"PIPELINE_SHARED_NODES": "any" if settings.storage.volume == "efs" else "one"}
    return {
        **isolated_variables(settings.repository.url),
        **nodes,
        "PIPELINE_OPERATOR": "pod",
        "PIPELINE_STEPS": settings.airflow.steps,
        "PIPELINE_REPOSITORY": settings.repository.url,
        "PIPELINE_WORKER_IMAGE": settings.images.references()["worker"],
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_EC2_METADATA_DISABLED": "true",  # a pod without an association is not to find the node's role
    }


def engine_values(settings: EksSettings) -> dict[str, Any]:
    """What the values files cannot know."""
    return airflow_values(
        settings.images.references(),
        environment=pipeline_environment(settings),
        repository_url=settings.repository.url,
        sync_url=settings.repository.url,
        airflow_url=settings.airflow.url or "http://localhost:8080",
        bucket=settings.storage.bucket,
        parallelism=settings.airflow.parallelism,
        max_active_runs=settings.airflow.max_active_runs,
        refresh_seconds=settings.airflow.refresh_seconds,
    )


def kustomization(settings: EksSettings, source: Path, folder: Path) -> dict[str, Any]:
    """The overlay `eks`, for `folder`, with what it has to know of this place."""
    overlay = source / "k8s" / "overlays" / "eks"
    found: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        # Relative, because kustomize takes nothing else.
        "resources": [os.path.relpath(overlay, folder), "environment.json"],
    }
    if settings.storage.volume == "efs":
        system = {"op": "replace", "path": "/parameters/fileSystemId", "value": settings.storage.file_system}
        found["components"] = [os.path.relpath(overlay / "efs", folder)]
        target = {"kind": "StorageClass", "name": "mlops-lab-efs"}
        found["patches"] = [{"target": target, "patch": json.dumps([system])}]
    return found


def write(settings: EksSettings, paths: Paths, folder: Path) -> Path:
    """Write the kustomization and return its folder, for `kubectl apply --kustomize`."""
    target = folder / "manifests"
    target.mkdir(parents=True, exist_ok=True)
    names = {"namespace": NAMESPACE, "name": "pipeline-environment", "labels": LABELS}
    data = pipeline_environment(settings)
    environment = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": names, "data": data}
    files = {"environment.json": environment, "kustomization.yaml": kustomization(settings, paths.source, target)}
    for name, content in files.items():
        (target / name).write_text(json.dumps(content, indent=2) + "\n", "utf-8")  # JSON is YAML
    return target


def values_files(settings: EksSettings, paths: Paths, folder: Path) -> list[Path]:
    """All values files in the order in which Helm is to merge them; the lab's own is written anew.

    Raises:
        SettingsError: the person's own file is not there.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    generated = folder / "airflow-values.json"
    generated.write_text(json.dumps(engine_values(settings), indent=2) + "\n", "utf-8")
    files = [*shipped_files(paths.source, "eks", settings.airflow.dags), generated]
    own = paths.source / Path(settings.airflow.values).expanduser()
    if not settings.airflow.values:
        return files
    if not own.is_file():
        raise SettingsError(
            f"eks.toml: airflow.values: there is no file {own}", "name a file of yours, or leave it out"
        )
    return [*files, own]
