"""The steps as pods (dags/lab_pods.py): Airflow's operator with a Kubernetes API that answers from memory."""

from __future__ import annotations

import importlib
import os
import time
from types import SimpleNamespace
from typing import Any
from unittest import mock

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.utils import pod_manager
from kubernetes.client import ApiClient
from kubernetes.client import models as k8s

from tests.airflow_seams.inside import tasks
from tests.airflow_seams.inside.registry import check, equal, require

HOPELESS = {65: "a broken dataset"}
NAME = "step"


class Cluster:
    """The calls of CoreV1Api that the operator makes; its pod has one container, which ends at once.

    The phase of the pod stays `Running`: the kubelet reports the end of a container before that of the pod.
    """

    def __init__(self, status: int) -> None:
        self.api_client = ApiClient()
        self.status = status
        self.pods: list[k8s.V1Pod] = []
        self.deleted: list[str] = []

    def create_namespaced_pod(self, body: dict[str, Any], namespace: str, **_: Any) -> k8s.V1Pod:
        metadata = k8s.V1ObjectMeta(name=NAME, namespace=namespace, labels=body["metadata"]["labels"])
        ended = k8s.V1ContainerState(terminated=k8s.V1ContainerStateTerminated(exit_code=self.status))
        container = k8s.V1ContainerStatus(
            name="base", image="any", image_id="any", ready=False, restart_count=0, state=ended
        )
        spec = k8s.V1PodSpec(containers=[k8s.V1Container(name="base")], restart_policy=body["spec"]["restartPolicy"])
        scheduled = k8s.V1PodCondition(type="PodScheduled", status="True")
        state = k8s.V1PodStatus(phase="Running", container_statuses=[container], conditions=[scheduled])
        self.pods.append(k8s.V1Pod(metadata=metadata, spec=spec, status=state))
        return self.pods[-1]

    def list_namespaced_pod(self, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(items=self.pods)

    def read_namespaced_pod(self, *_: Any, **__: Any) -> k8s.V1Pod:
        return self.pods[0]

    def read_namespaced_pod_log(self, *_: Any, **__: Any) -> SimpleNamespace:
        lines = [b"2026-11-01T12:00:00.000000000Z the last line\n"]
        return SimpleNamespace(stream=lambda **_: iter(lines), close=lambda: None, release_conn=lambda: None)

    def list_namespaced_event(self, *_: Any, **__: Any) -> SimpleNamespace:
        return SimpleNamespace(items=[], metadata=SimpleNamespace(resource_version=None))

    def patch_namespaced_pod(self, *_: Any, **__: Any) -> None:
        return None

    def delete_namespaced_pod(self, name: str, *_: Any, **__: Any) -> None:
        self.deleted.append(name)


class Clock:
    """The module `time` for Airflow's pod manager, which counts how often the manager sleeps."""

    def __init__(self) -> None:
        self.sleeps = 0
        self.time = time.time

    def sleep(self, _: float) -> None:
        self.sleeps += 1
        require(self.sleeps < 5, "the pod manager does not see that the container has ended")


def step() -> Any:
    """A step as dags/lab_pods.py makes it, in a DAG."""
    with mock.patch.dict(os.environ, {"PIPELINE_WORKER_IMAGE": "worker:1"}), tasks.dag():
        pods = importlib.import_module("lab_pods")
        return pods.pod("pull_data", ["python", "-m", "lab.pipeline", "pull"], {"PIPELINE_ROWS": "1"}, HOPELESS)


def pod_operator() -> Any:
    """A person's operator that says nothing about security."""
    operator = KubernetesPodOperator(task_id="any", name="any", namespace="airflow", image="any")
    operator.hook = SimpleNamespace(is_in_cluster=True)
    return operator


def ended(status: int) -> tuple[str, BaseException | None, Cluster, int]:
    """A step with a container that ends with this status: the task's state, its error, and Airflow's sleeps."""
    cluster, clock = Cluster(status), Clock()
    prepared: list[Any] = []

    def with_cluster(operator: Any) -> Cluster:
        prepared.append(operator)
        return cluster

    hook = SimpleNamespace(is_in_cluster=True, get_namespace=lambda: "airflow")
    with (
        mock.patch.object(KubernetesPodOperator, "client", property(with_cluster)),
        mock.patch.object(KubernetesPodOperator, "hook", property(lambda _: hook)),
        mock.patch.object(pod_manager, "time", clock),
    ):
        state, error = tasks.run(step())
    return state, error, cluster, clock.sleeps


@check("step-pod-options")
def options() -> None:
    """Every option of the step's operator still exists, and reaches the pod."""
    task = step()
    task.hook = SimpleNamespace(is_in_cluster=True)
    pod = ApiClient().sanitize_for_serialization(task.build_pod_request_obj())
    spec = pod["spec"]
    equal(spec["serviceAccountName"], "airflow-dvc-sa", "the service account")
    equal(spec["containers"][0]["command"], ["python"], "the command")
    equal(spec["containers"][0]["resources"]["limits"], {"memory": "512Mi"}, "the limits")
    equal(spec["volumes"][0]["persistentVolumeClaim"]["claimName"], "airflow-shared-pvc", "the volume")
    equal(spec["restartPolicy"], "Never", "the restart policy")
    equal(spec["containers"][0]["name"], task.base_container_name, "the container of the step")


@check("step-pod-end")
def end_is_seen_at_once() -> None:
    state, error, cluster, sleeps = ended(0)
    equal((state, error), ("success", None), "a step with exit status 0")
    equal(sleeps, 0, "sleeps of Airflow's pod manager until it sees the end of the container")
    equal(cluster.deleted, [NAME], "the pods that are deleted")


@check("step-pod-exit-status")
def exit_status() -> None:
    state, error, _, _ = ended(65)
    equal((state, type(error).__name__), ("failed", "AirflowFailException"), "a step that no retry can repair")
    state, error, _, _ = ended(69)
    equal((state, type(error).__name__), ("up_for_retry", "AirflowException"), "a step that is tried again")
