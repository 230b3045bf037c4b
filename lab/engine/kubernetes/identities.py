"""Which service accounts have a role, and what each role may do, for kind and EKS.

A pod gets the role of its service account by EKS Pod Identity. Accounts that are not here get no credentials.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.engine.kubernetes.policy import Document, log_permissions, permissions

ROLE = "mlops-lab-dvc"
"""The role of the steps, unless `identity.role` in eks.toml names another."""
LONGEST = 64
"""Characters of a role's name ("IAM and AWS STS quotas")."""


@dataclass(frozen=True)
class Identity:
    """A role: the service accounts that have it, and what it may do in a bucket (name, partition, data prefix)."""

    accounts: tuple[str, ...]
    suffix: str
    permissions: Callable[[str, str, str], Document]

    def role(self, base: str = ROLE) -> str:
        """The role's name, which follows from that of the steps' role."""
        return f"{base[: LONGEST - len(self.suffix)]}{self.suffix}"


DATA = Identity(("airflow-dvc-sa",), "", permissions)
"""Of the pods of steps: data, and task logs, which a task of the KubernetesExecutor with this account writes itself."""
LOGS = Identity(
    ("airflow-scheduler", "airflow-worker", "airflow-api-server"),
    "-logs",
    lambda bucket, partition, _: log_permissions(bucket, partition),
)
"""Of what launches pods and shows their logs: the scheduler, the pods of the KubernetesExecutor, Airflow's server."""
IDENTITIES = (DATA, LOGS)
ACCOUNTS = {account: identity for identity in IDENTITIES for account in identity.accounts}
"""The identity of each service account."""
