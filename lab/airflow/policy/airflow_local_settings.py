"""Cluster policy of Airflow on Kubernetes: which tasks the LocalExecutor runs, and the security context of pods.

Airflow imports this file in each of its processes ("Cluster Policies" in Airflow's documentation); the chart mounts it
from the value `airflowLocalSettings`. The LocalExecutor runs a task as a child process of the scheduler, with the
scheduler's environment and the keys of the database and of the API. So it runs only tasks that watch a pod in which
the work happens.

The namespace enforces the Pod Security Standard `restricted`, which refuses the pod of a KubernetesPodOperator without
a security context. This policy adds one.
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
"""The names of the executor that starts a pod for a task; None is the default, the first one of `core.executor`."""
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
"""The functions that a DAG can add to an operator; they run in the process of the task."""
NAMESPACE = "airflow"
"""Where the lab's launchers may start pods. Pods in other namespaces or clusters stay unchanged."""
USER = 1000
"""The user of a pod that names none: that of the worker image. Most images start as root; `restricted` refuses that."""


def pod_mutation_hook(pod: Any) -> None:
    """Set what `restricted` requires and the pod leaves out.

    What the pod sets is kept, and Kubernetes refuses it with the reason if it requests more ("Pod Security Standards"
    in Kubernetes' documentation). Airflow calls this for pods of the KubernetesExecutor and of KubernetesPodOperators.
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
        if not own.get("privileged"):  # the API refuses both together
            own.setdefault("allowPrivilegeEscalation", False)
        own.setdefault("capabilities", {}).setdefault("drop", ["ALL"])


def task_policy(task: Any) -> None:
    """Run steps on the LocalExecutor if the setting `airflow.steps` says so, and refuse it to other tasks.

    A refused task fails with the reason, in a pod. Airflow applies this policy whenever it loads a DAG: in the DAG
    processor, from which the scheduler gets the executor, and in the process that runs a task.
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
    """Make the task fail at its start, on the default executor."""
    message = (
        f"{task.task_id} asks for the executor {task.executor}, which runs tasks beside the scheduler's keys and is "
        "only for the lab's steps. Remove `executor` from the task: it then runs in a pod."
    )

    def fail(_: Any) -> None:
        raise AirflowFailException(message)

    if hasattr(task, "partial_kwargs"):  # a mapped task becomes an operator only when it runs
        task.partial_kwargs.update(executor=None, pre_execute=fail)
    else:
        task.executor = None
        task._pre_execute_hook = fail
