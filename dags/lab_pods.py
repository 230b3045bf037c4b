"""A step of the pipeline as a pod. Not in lab_steps, because its imports take a second, and only pods need them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.utils.pod_manager import PodLoggingStatus, PodManager, PodPhase
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from kubernetes.client import models as k8s

if TYPE_CHECKING:
    from airflow.sdk import Context

LAG = 3
"""Seconds until the kubelet reports that a container terminated; its log ends before that."""
SHORT = 5
"""The log of a step that takes fewer seconds is read at its end: a followed log ends a second after its container."""
LABELS = {"app.kubernetes.io/part-of": "mlops-lab", "app.kubernetes.io/component": "step"}
"""The labels of every step's pod."""
WORKER = 1000
"""User and group in the worker image."""


def pod(task_id: str, command: list[str], environment: dict[str, str], hopeless: dict[int, str]) -> BaseOperator:
    """The task that runs `command` in a pod of the worker image, on the shared volume."""
    claim = k8s.V1PersistentVolumeClaimVolumeSource(claim_name="airflow-shared-pvc")
    return StepOperator(
        task_id=task_id,
        hopeless=hopeless,
        name=task_id.replace("_", "-"),
        namespace="airflow",
        image=os.environ["PIPELINE_WORKER_IMAGE"],
        cmds=command[:1],
        arguments=command[1:],
        env_vars={"PIPELINE_SHARED_DIR": "/shared", **environment},
        env_from=environment_sources(),
        labels=dict(LABELS),
        volumes=[k8s.V1Volume(name="shared", persistent_volume_claim=claim)],
        volume_mounts=[k8s.V1VolumeMount(name="shared", mount_path="/shared")],
        affinity=shared_volume_affinity(),
        # Enough for the largest dataset: the steps read it in chunks.
        container_resources=k8s.V1ResourceRequirements(
            requests={"cpu": "50m", "memory": "192Mi"}, limits={"memory": "512Mi"}
        ),
        service_account_name="airflow-dvc-sa",
        automount_service_account_token=False,  # steps do not use the API; Pod Identity has its token
        security_context=k8s.V1PodSecurityContext(
            run_as_user=WORKER,
            run_as_group=WORKER,
            run_as_non_root=True,
            fs_group=WORKER,
            fs_group_change_policy="OnRootMismatch",
            seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
        ),
        container_security_context=k8s.V1SecurityContext(
            allow_privilege_escalation=False, capabilities=k8s.V1Capabilities(drop=["ALL"])
        ),
        termination_grace_period=5,  # a step may be interrupted at any instruction
        # This cluster, without looking up a connection first.
        kubernetes_conn_id=None,
        in_cluster=True,
        startup_check_interval_seconds=0.3,
        get_logs=True,
        container_name_log_prefix_enabled=False,
        log_events_on_failure=True,
        log_pod_spec_on_failure=False,
        on_finish_action="delete_pod",
    )


def shared_volume_affinity() -> k8s.V1Affinity | None:
    """One node for all steps that run at the same time, if the shared volume is ReadWriteOnce.

    The first one is scheduled anywhere: a pod that matches its own term needs no other ("Inter-pod affinity" in
    Kubernetes' documentation). Where the volume is on every node (ReadWriteMany), PIPELINE_SHARED_NODES is `any`.
    """
    if os.environ.get("PIPELINE_SHARED_NODES", "one") == "any":
        return None
    steps = k8s.V1LabelSelector(match_labels=dict(LABELS))
    term = k8s.V1PodAffinityTerm(label_selector=steps, topology_key="kubernetes.io/hostname")
    return k8s.V1Affinity(pod_affinity=k8s.V1PodAffinity(required_during_scheduling_ignored_during_execution=[term]))


def environment_sources() -> list[k8s.V1EnvFromSource]:
    """The settings of the cluster, and credentials for Git; those for AWS come from Pod Identity."""
    place = k8s.V1ConfigMapEnvSource(name="pipeline-environment")
    login = k8s.V1SecretEnvSource(name="git-credentials")
    return [k8s.V1EnvFromSource(config_map_ref=place), k8s.V1EnvFromSource(secret_ref=login)]


class StepOperator(KubernetesPodOperator):
    """Fails without a retry on exit statuses that no retry can fix, and notices the end of the pod at once.

    `hopeless` maps these statuses to their meanings.
    """

    def __init__(self, *, hopeless: dict[int, str], **options: Any) -> None:
        super().__init__(**options)
        self.hopeless = hopeless

    @cached_property
    def pod_manager(self) -> PodManager:
        return AttentivePodManager(kube_client=self.client, callbacks=self.callbacks)

    def cleanup(
        self,
        pod: k8s.V1Pod,
        remote_pod: k8s.V1Pod,
        xcom_result: dict[str, Any] | None = None,
        context: Context | None = None,
    ) -> None:
        """Clean up like the parent, which raises if the pod failed; a status in `hopeless` allows no retry."""
        try:
            super().cleanup(pod, remote_pod, xcom_result, context)
        except AirflowException as error:
            status = exit_status(remote_pod, self.base_container_name)
            if status in self.hopeless:
                raise AirflowFailException(f"{self.task_id}: {self.hopeless[status]}, see the lines above") from error
            raise


def exit_status(remote_pod: k8s.V1Pod, container: str) -> int | None:
    """The exit status of a terminated container, or None."""
    for status in remote_pod.status.container_statuses or []:
        if status.name == container and status.state.terminated:
            return int(status.state.terminated.exit_code)
    return None


class AttentivePodManager(PodManager):
    """Notices that a container has terminated as soon as its status says so; the parent class sleeps for seconds."""

    def read_pod(self, pod: k8s.V1Pod) -> k8s.V1Pod:
        """The pod, with the phase that follows from its containers; the kubelet reports that phase a second later.

        "Pod Lifecycle" in Kubernetes' documentation: Succeeded or Failed once all containers have terminated.
        """
        found = super().read_pod(pod)
        ended = [status.state.terminated for status in found.status.container_statuses or []]
        if found.spec.restart_policy == "Never" and len(ended) == len(found.spec.containers) and all(ended):
            succeeded = all(container.exit_code == 0 for container in ended)
            found.status.phase = PodPhase.SUCCEEDED if succeeded else PodPhase.FAILED
        return found

    def fetch_container_logs(
        self, pod: k8s.V1Pod, container_name: str, *, follow: bool = False, **options: Any
    ) -> PodLoggingStatus:
        ended = within(lambda: self.container_is_terminated(pod, container_name), SHORT)
        return super().fetch_container_logs(pod, container_name, follow=follow and not ended, **options)

    def container_is_running(self, pod: k8s.V1Pod, container_name: str) -> bool:
        return not within(lambda: not super(AttentivePodManager, self).container_is_running(pod, container_name), LAG)


def within(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition becomes true within this number of seconds."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.15)
    return True
