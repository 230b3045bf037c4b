"""The programs of lab-shell on an engine with a cluster: Airflow's runs in its pod."""

from __future__ import annotations

from lab.engine import programs
from lab.engine.kubernetes.cluster import AIRFLOW
from lab.engine.kubernetes.instance import ClusterInstance
from lab.tools import tool


def link(instance: ClusterInstance) -> None:
    """Put dvc, aws, kubectl, helm, airflow and lab into `.lab/bin`."""
    paths = instance.paths
    places = {
        "dvc": paths.program("worker", "dvc"),
        "aws": paths.program("lab", "aws"),
        "kubectl": tool(paths, "kubectl"),
        "helm": tool(paths, "helm"),
    }
    inside = ("exec", "--namespace", AIRFLOW, "deploy/airflow-api-server", "--container", "api-server", "--", "airflow")
    airflow = [str(paths.bin / "kubectl"), "--kubeconfig", str(instance.kube.kubeconfig), *inside]
    programs.link(paths, places, {"airflow": airflow})
