"""The logs of the lab's services in the cluster, by kubectl."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

from lab.config import Settings
from lab.engine.kubernetes import overlay
from lab.engine.kubernetes.cluster import Cluster


def names(settings: Settings) -> list[str]:
    """The services of a lab with these settings."""
    return list(overlay.places(settings))


def arguments(service: str, lines: int) -> list[str]:
    place = overlay.places()[service]
    return [
        "logs", "--namespace", place.namespace, "--selector", place.selector, "--all-containers", f"--tail={lines}"
    ]  # fmt: skip


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
