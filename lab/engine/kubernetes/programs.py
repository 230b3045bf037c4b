"""What lab-shell offers on this engine: the usual programs, each reaching the lab."""

from __future__ import annotations

import shlex

from lab.engine.kubernetes.cluster import AIRFLOW
from lab.engine.kubernetes.instance import ClusterInstance
from lab.tools import tool


def link(instance: ClusterInstance) -> None:
    """Put dvc, aws, kubectl, helm, airflow and lab into `.lab/bin`."""
    folder = instance.paths.bin
    folder.mkdir(parents=True, exist_ok=True)
    places = {
        "dvc": instance.paths.program("worker", "dvc"),
        "aws": instance.paths.program("lab", "aws"),
        "kubectl": tool(instance.paths, "kubectl"),
        "helm": tool(instance.paths, "helm"),
    }
    for name, program in places.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(program)
    inside = ("exec", "--namespace", AIRFLOW, "deploy/airflow-api-server", "--container", "api-server", "--", "airflow")
    scripts = {
        "airflow": [str(folder / "kubectl"), "--kubeconfig", str(instance.kube.kubeconfig), *inside],
        "lab": ["sh", str(instance.paths.source / "lab" / "bootstrap.sh")],
    }
    for name, command in scripts.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', "utf-8")
        (folder / name).chmod(0o755)
