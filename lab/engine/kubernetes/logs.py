"""The logs of the lab's services in the cluster, by kubectl."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

from lab.config import Settings
from lab.engine.kubernetes.cluster import AIRFLOW, PLATFORM, SYSTEM, Cluster
from lab.engine.names import TRIGGERS

SERVICES = {
    "postgres": (PLATFORM, "app.kubernetes.io/name=postgres"),
    "gitea": (PLATFORM, "app.kubernetes.io/name=gitea"),
    "localstack": (PLATFORM, "app.kubernetes.io/name=localstack"),
    "pod-identity": (SYSTEM, "app.kubernetes.io/name=pod-identity"),
    "airflow-api-server": (AIRFLOW, "component=api-server"),
    "airflow-scheduler": (AIRFLOW, "component=scheduler"),
    "airflow-dag-processor": (AIRFLOW, "component=dag-processor"),
    TRIGGERS: (AIRFLOW, "app.kubernetes.io/name=triggers"),
}
"""Each service: its namespace and the label that selects its pods."""


def names(settings: Settings) -> list[str]:
    """The services of a lab with these settings."""
    return [name for name in SERVICES if settings.triggers.on_push or name != TRIGGERS]


def arguments(service: str, lines: int) -> list[str]:
    namespace, selector = SERVICES[service]
    return ["logs", "--namespace", namespace, "--selector", selector, "--all-containers", f"--tail={lines}"]


def last_lines(cluster: Cluster, service: str, lines: int) -> str:
    """The last lines of each container of the service; empty if there is no pod yet."""
    return cluster.kubectl(*arguments(service, lines), check=False).stdout.rstrip()


def follow(cluster: Cluster, service: str) -> Iterator[str]:
    """What is added, until the caller stops."""
    command = cluster.command(*arguments(service, 0), "--follow")
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=cluster.environment, encoding="utf-8") as program:
        try:
            yield from program.stdout or ()
        finally:
            program.terminate()
