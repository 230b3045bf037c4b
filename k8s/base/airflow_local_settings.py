"""Cluster policy of Airflow on Kubernetes: which tasks the LocalExecutor runs, and that it runs no others.

Airflow imports this file in each of its processes ("Cluster Policies" in Airflow's documentation); the chart mounts it
from the value `airflowLocalSettings`. The LocalExecutor runs a task as a child of the scheduler. That suits a task that
only watches a pod in which its work happens, and nothing else: the process has the scheduler's environment, with the
keys of the database and of the API.
"""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

LOCAL = "LocalExecutor"
KUBERNETES = {
    None,
    "KubernetesExecutor",
    "airflow.providers.cncf.kubernetes.executors.kubernetes_executor.KubernetesExecutor",
}
"""How a task names the executor that gives it a pod; None is the default, the first of `core.executor`."""
WATCHING = {("lab_pods", "StepOperator")}
"""Module and name of the operators that only watch a pod."""
CODE_OF_THE_TASK = (
    "on_execute_callback",
    "on_failure_callback",
    "on_retry_callback",
    "on_skipped_callback",
    "on_success_callback",
    "_pre_execute_hook",
    "_post_execute_hook",
)
"""What a DAG can add to an operator that runs in the process of the task."""


def task_policy(task: Any) -> None:
    """Let the LocalExecutor watch a step's pod, if the setting `airflow.steps` says so, and refuse it to other tasks.

    A task that is refused fails with the reason, in a pod. Airflow applies this whenever it loads a DAG: in the DAG
    processor, by which the scheduler knows the executor, and in the process that runs a task.
    """
    if only_watches(task):
        if task.executor in KUBERNETES and os.environ.get("PIPELINE_STEPS") == "local-executor":
            task.executor = LOCAL
    elif task.executor not in KUBERNETES:
        refuse(task)


def only_watches(task: Any) -> bool:
    if (type(task).__module__, type(task).__name__) not in WATCHING:
        return False
    return not any(getattr(task, name, None) for name in CODE_OF_THE_TASK)


def refuse(task: Any) -> None:
    """Have the task fail at its start, where any task may run."""
    message = (
        f"{task.task_id} asks for the executor {task.executor}, which runs tasks beside the scheduler's keys and is "
        "only for the lab's steps. Remove `executor` from the task: it then runs in a pod."
    )

    def fail(_: Any) -> None:
        raise AirflowFailException(message)

    if hasattr(task, "partial_kwargs"):  # a mapped task is an operator only when it runs
        task.partial_kwargs.update(executor=None, pre_execute=fail)
    else:
        task.executor = None
        task._pre_execute_hook = fail
