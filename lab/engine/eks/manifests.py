"""What the lab adds to `k8s/overlays/eks`: the pipeline's environment, the file system, the chart's values."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lab.engine.airflow_secrets import LABELS
from lab.engine.airflow_values import airflow_values, shipped_files
from lab.engine.eks.settings import DatabaseSettings, EksSettings
from lab.engine.kubernetes.cluster import AIRFLOW
from lab.errors import SettingsError
from lab.helm_values import ValuesFile
from lab.paths import Paths
from lab.pipeline.git import isolated_variables

HTTPS = 443
CERTIFICATES = "database-certificates"
"""The ConfigMap with the certificates that the database's own is checked with, and the volume that holds it."""
CERTIFICATES_FOLDER, CERTIFICATES_FILE = "/etc/lab-database", "certificates.pem"


def pipeline_environment(settings: EksSettings) -> dict[str, str]:
    """What Airflow and the step pods share, secrets aside: the ConfigMap `pipeline-environment`."""
    # A volume of EBS is on one node at a time, so all pods that use it have to be there.
    nodes = {"PIPELINE_SHARED_NODES": "any" if settings.storage.volume == "efs" else "one"}
    return {
        **isolated_variables(settings.repository.url),
        **nodes,
        "PIPELINE_OPERATOR": "pod",
        "PIPELINE_STEPS": settings.airflow.steps,
        "PIPELINE_STEP_MINUTES": str(settings.airflow.step_minutes),
        "PIPELINE_REPOSITORY": settings.repository.url,
        "PIPELINE_WORKER_IMAGE": settings.images.references()["worker"],
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_EC2_METADATA_DISABLED": "true",  # a pod without an association must not find the node's role
        **database_environment(settings.database),
    }


def database_environment(database: DatabaseSettings) -> dict[str, str]:
    """TLS for both of Airflow's drivers, which read libpq's variables ("Environment Variables", PostgreSQL manual).

    `sslmode` in the URL is known to psycopg2 only.
    """
    file = f"{CERTIFICATES_FOLDER}/{CERTIFICATES_FILE}"
    return {"PGSSLMODE": database.tls, **({"PGSSLROOTCERT": file} if database.certificates else {})}


def engine_values(settings: EksSettings) -> dict[str, Any]:
    """The values that no file can hold."""
    values = airflow_values(
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
    if settings.database.certificates:
        values["volumes"] = [{"name": CERTIFICATES, "configMap": {"name": CERTIFICATES}}]
        values["volumeMounts"] = [{"name": CERTIFICATES, "mountPath": CERTIFICATES_FOLDER, "readOnly": True}]
    return values


def kustomization(settings: EksSettings, source: Path, folder: Path) -> dict[str, Any]:
    """The overlay `eks`, for `folder`, with the settings of this place."""
    overlay = source / "k8s" / "overlays" / "eks"
    found: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        # Relative, because kustomize accepts nothing else.
        "resources": [os.path.relpath(overlay, folder), "environment.json"],
        "patches": port_patches(settings),
    }
    if settings.database.certificates:
        found["resources"].append("certificates.json")
    if settings.storage.volume == "efs":
        system = {"op": "replace", "path": "/parameters/fileSystemId", "value": settings.storage.file_system}
        found["components"] = [os.path.relpath(overlay / "efs", folder)]
        target = {"kind": "StorageClass", "name": "mlops-lab-efs"}
        found["patches"].append({"target": target, "patch": json.dumps([system])})
    return found


def port_patches(settings: EksSettings) -> list[dict[str, Any]]:
    """The ports of the Git host and the database in the network policies, if they differ from the defaults."""
    git, database = urlsplit(settings.repository.url).port or HTTPS, settings.database.port
    changed = {"https": [{"port": HTTPS}, {"port": git}]} if git != HTTPS else {}
    changed |= {"database-clients": [{"port": database}]}
    path = "/spec/egress/0/ports"
    return [
        {
            "target": {"kind": "NetworkPolicy", "name": name},
            "patch": json.dumps([{"op": "replace", "path": path, "value": ports}]),
        }
        for name, ports in changed.items()
    ]


def rendered(settings: EksSettings, paths: Paths, folder: Path) -> dict[str, str]:
    """The files of `folder` for `kubectl apply --kustomize`, by name.

    Raises:
        SettingsError: the file with the database's certificates is not there.
    """
    files = {
        "environment.json": config_map("pipeline-environment", pipeline_environment(settings)),
        "kustomization.yaml": kustomization(settings, paths.source, folder),
    }
    if settings.database.certificates:
        file = own_file(settings.database.certificates, paths, "database.certificates")
        files["certificates.json"] = config_map(CERTIFICATES, {CERTIFICATES_FILE: file.read_text("utf-8")})
    return {name: json.dumps(content, indent=2) + "\n" for name, content in files.items()}  # JSON is YAML


def config_map(name: str, data: dict[str, str]) -> dict[str, Any]:
    metadata = {"namespace": AIRFLOW, "name": name, "labels": LABELS}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def own_file(name: str, paths: Paths, setting: str) -> Path:
    """The file that a setting names, relative to the checkout.

    Raises:
        SettingsError: it is not there.
    """
    file = paths.source / Path(name).expanduser()
    if not file.is_file():
        raise SettingsError(f"eks.toml: {setting}: there is no file {file}", "name a file of yours, or leave it out")
    return file


def values_files(settings: EksSettings, paths: Paths, folder: Path) -> list[ValuesFile]:
    """All values files in the order in which Helm is to merge them; the generated one is for `folder`.

    Raises:
        SettingsError: the user's own file does not exist.
    """
    shipped = [ValuesFile.read(file) for file in shipped_files(paths.source, "eks", settings.airflow.dags)]
    files = [*shipped, ValuesFile.of(folder / "airflow-values.json", engine_values(settings))]
    if not settings.airflow.values:
        return files
    return [*files, ValuesFile.read(own_file(settings.airflow.values, paths, "airflow.values"))]
