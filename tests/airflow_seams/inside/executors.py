"""Airflow's executors: their processes and pods."""

from __future__ import annotations

from types import SimpleNamespace
from unittest import mock

import psutil
import structlog
from airflow.executors import local_executor
from airflow.executors.local_executor import LocalExecutor
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from airflow.sdk.execution_time import supervisor
from kubernetes.client import models as k8s
from setproctitle import getproctitle, setproctitle

from lab.airflow.processes import IDLE_WORKER, WORKER_PODS, is_task, is_worker_of, watches
from lab.wait import NotYetError, wait_until
from tests.airflow_seams.inside.registry import check, names_in, require

TASK_INSTANCE = "019a5a7e-0000-7000-8000-000000000000"


def title(pid: int) -> str:
    return " ".join(psutil.Process(pid).cmdline())


@check("idle-worker-title")
def idle_worker() -> None:
    executor = LocalExecutor(parallelism=1)
    executor.start()
    (worker,) = executor.workers

    def has_title() -> None:
        if not title(worker).startswith(IDLE_WORKER):
            raise NotYetError(f"its title is {title(worker)!r}, expected {IDLE_WORKER!r}")

    try:
        wait_until(has_title, what="the title of an idle worker", limit=5, pause=0.02)
        require("LAB_HOME" in psutil.Process(worker).environ(), "the title overwrote the environment of the process")
    finally:
        executor.end()


def working_title() -> str:
    """The title of a worker of the LocalExecutor while it runs a task."""
    titles: list[str] = []
    task = SimpleNamespace(id=TASK_INSTANCE, key=None)
    work = SimpleNamespace(ti=task, dag_rel_path="any.py", bundle_info=None, token="", log_path="")
    before = getproctitle()
    try:
        with mock.patch.object(supervisor, "supervise", side_effect=lambda **_: titles.append(getproctitle())):
            local_executor._execute_work(structlog.get_logger(), work, LocalExecutor(parallelism=1).conf)
    finally:
        setproctitle(before)
    return titles[0]


@check("working-worker-title")
def working_worker() -> None:
    require(watches(TASK_INSTANCE) in working_title(), f"its title is {working_title()!r}")


@check("task-process")
def task_process() -> None:
    require(is_task([working_title()]), f"the title {working_title()!r} does not contain `airflow`")
    start = supervisor.WatchedSubprocess.start
    require("fork" in names_in(start.__func__), "the supervisor does not fork the process of the task from the worker")


@check("executor-pods")
def executor_pods() -> None:
    template = k8s.V1PodSpec(containers=[k8s.V1Container(name="base")])
    pod = PodGenerator.construct_pod(
        dag_id="seams",
        task_id="pull_data",
        pod_id="seams-pull-data",
        try_number=1,
        kube_image="any",
        date=None,
        args=["any"],
        pod_override_object=None,
        base_worker_pod=k8s.V1Pod(metadata=k8s.V1ObjectMeta(), spec=template),
        namespace="airflow",
        scheduler_job_id="1",
        run_id="manual__1",
    )
    key, value = WORKER_PODS.split("=")
    require(pod.metadata.labels.get(key) == value, f"the labels are {pod.metadata.labels}")
    found = pod.metadata.annotations
    require(is_worker_of(found, "manual__1", "pull_data"), f"the annotations are {found}")
