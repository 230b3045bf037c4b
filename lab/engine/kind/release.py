"""Airflow's Helm release: the chart, the values of base, overlay, lab and user, and whether the release is current."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lab.chart import find_chart
from lab.engine.kind import airflow_tables, cluster, objects
from lab.engine.kind.instance import AIRFLOW, Instance
from lab.engine.kind.values import values_files
from lab.helm_values import check_values
from lab.proc import run
from lab.tools import tool

RELEASE = "airflow"
LIMIT = 120
WORKLOADS = {f"deployment.apps/{RELEASE}-{name}" for name in ("api-server", "scheduler", "dag-processor")}


def install(instance: Instance) -> None:
    """Install or upgrade the release, without waiting for what it starts.

    Raises:
        ProgramError: Helm refused; its last lines are the detail.
    """
    chart, files = find_chart(instance.settings), files_of(instance)
    command = [
        tool(instance.paths, "helm"), "upgrade", "--install", RELEASE, chart,
        "--namespace", AIRFLOW, "--kubeconfig", instance.kubeconfig, "--kube-context", instance.context,
        *(part for file in files for part in ("--values", file)),
    ]  # fmt: skip
    run(command, env=instance.tool_environment(), limit=LIMIT)
    stamp(instance).write_text(wanted(instance, chart, files), "utf-8")


def is_current(instance: Instance) -> bool:
    """Whether the release in this cluster is the one that would be installed now."""
    if not stamp(instance).exists():
        return False
    now = wanted(instance, find_chart(instance.settings), files_of(instance))
    return stamp(instance).read_text("utf-8") == now and objects.workloads(instance, AIRFLOW) >= WORKLOADS


def require_valid(instance: Instance) -> None:
    """Refuse values that the chart does not know, before anything is changed.

    Raises:
        SettingsError: each of them, with the file that has it.
        NetworkError: there is no chart, and none is available.
    """
    check_values(find_chart(instance.settings), files_of(instance))


def files_of(instance: Instance) -> list[Path]:
    return values_files(instance.access(), instance.references(), migrated=airflow_tables.are_current(instance))


def stamp(instance: Instance) -> Path:
    return instance.run_files / "release"


def wanted(instance: Instance, chart: Path, files: list[Path]) -> str:
    parts = [cluster.identity(instance).encode(), *(file.read_bytes() for file in (chart, *files))]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
