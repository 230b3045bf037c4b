"""Cluster policy of Airflow on Kubernetes: what the LocalExecutor runs, and what a pod of a task may do on its node.

Airflow imports this file in each of its processes ("Cluster Policies" in Airflow's documentation); the chart mounts it
from the value `airflowLocalSettings`. The LocalExecutor runs a task as a child of the scheduler. That suits a task that
only watches a pod in which its work happens, and nothing else: the process has the scheduler's environment, with the
keys of the database and of the API.

The namespace enforces the Pod Security Standard `restricted`. The pod of a KubernetesPodOperator that sets no security
context would be refused, so it gets one here.
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
NAMESPACE = "airflow"
"""Where the lab's launchers may start pods. What a task starts in another cluster is left as it is."""
USER = 1000
"""Of a pod that names no user: that of the worker image. Most images start as root, which `restricted` refuses."""


def pod_mutation_hook(pod: Any) -> None:
    """Fill in what `restricted` asks for and the pod does not say itself.

    What it says stays, and Kubernetes refuses it with the reason if it asks for more ("Pod Security Standards" in
    Kubernetes' documentation). Airflow calls this for pods of the KubernetesExecutor and of KubernetesPodOperators.
    """
    from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
    from kubernetes.client import ApiClient

    if pod.metadata.namespace in {None, NAMESPACE}:
        spec = ApiClient().sanitize_for_serialization(pod.spec)  # operators take models and dictionaries alike
        restrict(spec)
        pod.spec = PodGenerator.deserialize_model_dict({"spec": spec}).spec


def restrict(spec: dict[str, Any]) -> None:
    """Change the specification of a pod (core/v1, as JSON)."""
    pod = spec.setdefault("securityContext", {})
    pod.setdefault("runAsUser", USER)
    pod.setdefault("runAsNonRoot", True)
    pod.setdefault("seccompProfile", {"type": "RuntimeDefault"})
    for container in (*spec.get("initContainers", []), *spec["containers"]):
        own = container.setdefault("securityContext", {})
        if not own.get("privileged"):  # the API takes no `allowPrivilegeEscalation: false` beside it
            own.setdefault("allowPrivilegeEscalation", False)
        own.setdefault("capabilities", {}).setdefault("drop", ["ALL"])


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
