"""The fault injector of the kind engine: signals to processes in the node, changes of pods and services by kubectl."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lab.access import DAG
from lab.airflow.client import Airflow
from lab.airflow.processes import WORKER_PODS, is_worker_of, watches
from lab.components import gitea
from lab.docker import docker
from lab.drill import refusing
from lab.drill.kind_steps import KILL, NodeStep, StepWatch
from lab.drill.plan import GIT_AWAY, S3_503, S3_TIMEOUT, TASKS
from lab.engine.health import bucket_answers
from lab.engine.kind import cluster
from lab.engine.kind.instance import KindInstance
from lab.engine.kubernetes.cluster import AIRFLOW, PLATFORM
from lab.wait import wait_until

LIMIT = 180
"""Seconds until something that was taken away is available again."""
STAND_IN = "drill-503"
"""The pod that answers in S3's place."""
LABEL = "app.kubernetes.io/name"
S3 = "localstack"
S3_PROGRAM = "localstack.runtime.main"
GONE = ("--ignore-not-found", "--grace-period=0", "--force")


@dataclass(frozen=True)
class KindStep:
    """A step in its pod."""

    injector: KindInjector
    seen: NodeStep
    task: str
    since: float = field(default_factory=time.monotonic)

    def outlives(self, seconds: float) -> bool:
        return not self.injector.watch.wait(self.has_ended, max(0, self.since + seconds - time.monotonic()))

    def lasts(self, limit: float) -> float:
        self.injector.watch.wait(self.has_ended, limit)
        return time.monotonic() - self.since

    def has_ended(self) -> bool:
        return self.seen not in self.injector.watch.found

    def kill(self) -> bool:
        return self.injector.in_node("sh", "-c", KILL, "sh", str(self.seen.pid), self.seen.run_id)

    def kill_task(self) -> bool:
        return self.kill_watching_process() or self.delete_watching_pod()

    def kill_watching_process(self) -> bool:
        """Of the LocalExecutor: a child of the scheduler that has the id of the task instance in its title."""
        with Airflow(self.injector.instance.access()) as airflow:
            mine = [each["id"] for each in airflow.tasks(DAG, self.seen.run_id) if each["task_id"] == self.task]
        return any(self.injector.in_node("pkill", "-KILL", "--full", watches(each)) for each in mine)

    def delete_watching_pod(self) -> bool:
        chosen = ("--namespace", AIRFLOW, "--selector", WORKER_PODS)
        listed = self.injector.kubectl("get", "pods", *chosen, "--output", "json")
        workers = [pod["metadata"]["name"] for pod in json.loads(listed)["items"] if self.is_worker(pod)]
        if workers:
            self.injector.kubectl("delete", "pod", *workers, "--namespace", AIRFLOW, "--wait=false", *GONE)
        return bool(workers)

    def is_worker(self, pod: dict[str, Any]) -> bool:
        mine = is_worker_of(pod["metadata"].get("annotations", {}), self.seen.run_id, self.task)
        return mine and pod["status"].get("phase") == "Running"

    def evict(self) -> bool:
        """By the Eviction API ("API-initiated Eviction" in Kubernetes' documentation), as `kubectl drain` does."""
        if self.has_ended():
            return False
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": self.seen.pod, "namespace": AIRFLOW},
        }
        path = f"/api/v1/namespaces/{AIRFLOW}/pods/{self.seen.pod}/eviction"
        asked = self.injector.instance.kube.kubectl(
            "create", "--raw", path, "--filename", "-", text=json.dumps(body), check=False
        )
        return asked.status == 0


@dataclass(frozen=True)
class KindInjector:
    """See lab.drill.injector.FaultInjector for what each method promises."""

    instance: KindInstance

    @property
    def runs_folder(self) -> Path:
        return self.instance.data / "shared" / "runs"

    @cached_property
    def watch(self) -> StepWatch:
        watch = StepWatch(self.instance)
        watch.start()
        return watch

    def find(self, run_id: str, task: str) -> KindStep | None:
        found = [each for each in self.watch.found if (each.run_id, each.step) == (run_id, TASKS[task])]
        # There may also be a fork of it that is about to execute another program.
        return KindStep(self, min(found, key=lambda each: each.pid), task) if found else None

    def at_work(self, run_id: str) -> bool:
        return any(each.run_id == run_id for each in self.watch.found)

    def prepare(self, faults: set[str]) -> None:
        if S3_503 in faults:
            self.kubectl("apply", "--filename", "-", text=json.dumps(stand_in(self.worker_image())))
            ready = ("--for=condition=Ready", f"--timeout={LIMIT}s")
            self.kubectl("wait", "--namespace", PLATFORM, f"pod/{STAND_IN}", *ready, limit=LIMIT + 10)

    def worker_image(self) -> str:
        """The image of steps, which the node has."""
        what = ("get", "configmap", "pipeline-environment", "--namespace", AIRFLOW)
        return self.kubectl(*what, "--output", "jsonpath={.data.PIPELINE_WORKER_IMAGE}")

    @contextmanager
    def away(self, fault: str) -> Iterator[None]:
        take, put_back = {
            S3_503: (self.point_elsewhere, self.point_back),
            S3_TIMEOUT: (self.suspend_s3, self.resume_s3),
            GIT_AWAY: (self.end_git, self.start_git),
        }[fault]
        try:
            take()
            yield
        finally:
            put_back()

    def point_elsewhere(self) -> None:
        self.point(STAND_IN)

    def point_back(self) -> None:
        self.point(S3)
        self.wait_for_s3()

    def point(self, name: str) -> None:
        patch = json.dumps({"spec": {"selector": {LABEL: name}}})
        self.kubectl("patch", "service", S3, "--namespace", PLATFORM, "--type=merge", "--patch", patch)

    def suspend_s3(self) -> None:
        self.in_node("pkill", "-STOP", "--full", S3_PROGRAM)

    def resume_s3(self) -> None:
        self.in_node("pkill", "-CONT", "--full", S3_PROGRAM)
        self.wait_for_s3()

    def wait_for_s3(self) -> None:
        wait_until(functools.partial(bucket_answers, self.instance.access()), what="S3", limit=LIMIT)

    def end_git(self) -> None:
        self.scale_git(0)
        self.kubectl("delete", "pod", "--selector", f"{LABEL}=gitea", "--namespace", PLATFORM, "--wait=false", *GONE)

    def start_git(self) -> None:
        self.scale_git(1)
        wait_until(functools.partial(gitea.answers, self.instance.access()), what="Gitea", limit=LIMIT)

    def scale_git(self, replicas: int) -> None:
        self.kubectl("scale", "deployment/gitea", "--namespace", PLATFORM, f"--replicas={replicas}")

    def restore(self) -> None:
        if "watch" in vars(self):
            self.watch.end()
        if self.instance.container() is None:  # a new cluster has no traces of a drill
            return
        if not self.instance.is_up():
            cluster.ensure(self.instance)
        self.scale_git(1)
        self.in_node("pkill", "-CONT", "--full", S3_PROGRAM)
        self.point_back()
        self.start_git()
        self.kubectl("delete", "pod", STAND_IN, "--namespace", PLATFORM, "--wait=false", *GONE)

    def kubectl(self, *arguments: str, text: str | None = None, limit: float = 60) -> str:
        return self.instance.kube.kubectl(*arguments, text=text, limit=limit).stdout.strip()

    def in_node(self, *command: str) -> bool:
        """Whether a command in the node did what it was for; pkill fails if there is no process."""
        return docker("exec", self.instance.node, *command, check=False).status == 0


def stand_in(image: str) -> dict[str, object]:
    """The pod that answers 503: an image with Python, running the program."""
    program = Path(refusing.__file__).read_text("utf-8")
    container = {
        "name": "refuse",
        "image": image,
        "command": ["python", "-c", program, "4566"],
        "ports": [{"name": "aws", "containerPort": 4566}],
        "readinessProbe": {"tcpSocket": {"port": "aws"}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "containers": [container],
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {
            "runAsUser": 1000,
            "runAsGroup": 1000,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    metadata = {
        "name": STAND_IN,
        "namespace": PLATFORM,
        "labels": {LABEL: STAND_IN, "app.kubernetes.io/part-of": "mlops-lab"},
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
