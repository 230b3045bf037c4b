"""What the Secrets of the namespace `airflow` hold, on kind and EKS alike; the Helm values and the DAGs name them."""

from __future__ import annotations

import json
from typing import Protocol

from lab.access import AIRFLOW_USER

GIT, DATABASE = "git-credentials", "airflow-metadata"
LOGIN = "airflow-login"
LOGIN_FILE = "passwords.json"


class Known(Protocol):
    """Secrets by their names in lab.secrets.GENERATORS."""

    def __getitem__(self, name: str) -> str: ...


def git_credentials(user: str, password: str) -> dict[str, str]:
    """By the names that git-sync v3 and v4 read."""
    return {
        f"{prefix}_{name}": value
        for prefix in ("GIT_SYNC", "GITSYNC")
        for name, value in (("USERNAME", user), ("PASSWORD", password))
    }


def generated(secrets: Known) -> dict[str, dict[str, str]]:
    """The Secrets that nobody outside the lab has to know: Airflow's keys, and the password of its user."""
    return {
        "airflow-fernet-key": {"fernet-key": secrets["airflow-fernet-key"]},
        "airflow-api-secret": {"api-secret-key": secrets["airflow-api-secret"]},
        "airflow-jwt-secret": {"jwt-secret": secrets["airflow-jwt-secret"]},
        LOGIN: {LOGIN_FILE: json.dumps({AIRFLOW_USER: secrets["airflow-password"]})},
    }
