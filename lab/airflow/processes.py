"""By what the processes and pods of Airflow's executors are recognised."""

from __future__ import annotations

from collections.abc import Mapping

_WORKER = "airflow worker -- LocalExecutor"
IDLE_WORKER = f"{_WORKER}: <idle>"
"""The process title of a worker of the LocalExecutor that has no task (airflow.executors.local_executor).

On macOS Airflow sets no titles.
"""
WORKER_PODS = "kubernetes_executor=True"
"""The label of the pods that the KubernetesExecutor starts for tasks."""


def watches(task_instance: str) -> str:
    """Part of the title of the worker of the LocalExecutor that runs this task instance (its id in the API)."""
    return f"LocalExecutor: {task_instance}"


def is_task(command_line: list[str]) -> bool:
    """Whether a parent of a step's process is Airflow's process of the task, or an ancestor that outlived it."""
    return "airflow" in " ".join(command_line)


def is_worker_of(annotations: Mapping[str, str], run_id: str, task_id: str) -> bool:
    """Whether a pod of the KubernetesExecutor with these annotations runs this task."""
    return (annotations.get("run_id"), annotations.get("task_id")) == (run_id, task_id)
