"""What the Secrets of the namespace `airflow` hold, on kind and EKS alike; the Helm values and the DAGs name them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from lab.access import AIRFLOW_USER

LABELS = {"app.kubernetes.io/part-of": "mlops-lab"}
"""The label of everything that the lab creates in a cluster."""

GIT, DATABASE = "git-credentials", "airflow-metadata"
LOGIN = "airflow-login"
LOGIN_FILE = "passwords.json"


class SecretValues(Protocol):
    """Secrets by their names in lab.secrets.GENERATORS."""

    def __getitem__(self, name: str) -> str: ...


def git_credentials(user: str, password: str) -> dict[str, str]:
    """By the names that git-sync v3 and v4 read."""
    return {
        f"{prefix}_{name}": value
        for prefix in ("GIT_SYNC", "GITSYNC")
        for name, value in (("USERNAME", user), ("PASSWORD", password))
    }


def generated(secrets: SecretValues) -> dict[str, dict[str, str]]:
    """The Secrets that are used in the lab only: Airflow's keys, and the password of its user."""
    return {
        "airflow-fernet-key": {"fernet-key": secrets["airflow-fernet-key"]},
        "airflow-api-secret": {"api-secret-key": secrets["airflow-api-secret"]},
        "airflow-jwt-secret": {"jwt-secret": secrets["airflow-jwt-secret"]},
        LOGIN: {LOGIN_FILE: json.dumps({AIRFLOW_USER: secrets["airflow-password"]})},
    }


def secret_object(namespace: str, name: str, data: Mapping[str, str]) -> dict[str, Any]:
    """The Secret as it is applied."""
    metadata = {"namespace": namespace, "name": name, "labels": LABELS}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "stringData": dict(data)}
