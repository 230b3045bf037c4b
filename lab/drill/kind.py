"""The hands of the kind engine: processes get signals in the node, pods and services are changed by kubectl."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lab.components import gitea
from lab.docker import docker
from lab.drill import refusing
from lab.drill.kind_pods import Pod, PodWatch
from lab.drill.plan import GIT_AWAY, S3_503, S3_TIMEOUT, TASKS
from lab.engine.health import bucket_answers
from lab.engine.kind import cluster
from lab.engine.kind.instance import AIRFLOW, PLATFORM, Instance
from lab.wait import wait_until

LIMIT = 180
"""Seconds until something that was taken away is there again."""
STAND_IN = "drill-503"
"""The pod that answers in S3's place."""
LABEL = "app.kubernetes.io/name"
S3 = "localstack"
S3_PROGRAM = "localstack.runtime.main"
STEP = "kubernetes_pod_operator=True"
"""Label of a step's pod, by KubernetesPodOperator; that of its worker, by KubernetesExecutor, is below."""
WORKER = "kubernetes_executor"
# In the node, where the processes of all pods are to be seen. What runs this is no step: it has no such variable.
KILL = """
for pid in $(pgrep --full "$1"); do
  if tr '\\0' '\\n' < /proc/$pid/environ 2>/dev/null | grep --quiet --line-regexp --fixed-strings "$2"; then
    kill -KILL $pid && echo $pid
  fi
done
"""
GONE = ("--ignore-not-found", "--grace-period=0", "--force")


def is_step(pod: Pod, run_id: str, task: str = "") -> bool:
    """Whether the pod is a step of the run, and its container runs."""
    labels = pod["metadata"].get("labels", {})
    if labels.get("kubernetes_pod_operator") != "True" or (task and labels.get("task_id") != task):
        return False
    identity = {"name": "PIPELINE_RUN_ID", "value": run_id}
    states = [status["state"] for status in pod["status"].get("containerStatuses", [])]
    return identity in pod["spec"]["containers"][0]["env"] and any("running" in state for state in states)


@dataclass(frozen=True)
class KindStep:
    """The pod of a step. The cluster tells its times in whole seconds: it counts from when it was seen."""

    hands: KindHands
    name: str
    run_id: str
    task: str
    seen: float = field(default_factory=time.monotonic)

    def outlives(self, seconds: float) -> bool:
        return not self.hands.watch.wait(self.has_ended, max(0, self.seen + seconds - time.monotonic()))

    def lasts(self, limit: float) -> float:
        self.hands.watch.wait(self.has_ended, limit)
        return time.monotonic() - self.seen

    def has_ended(self) -> bool:
        pod = self.hands.watch.found.get(self.name)
        return pod is None or not is_step(pod, self.run_id, self.task)

    def kill(self) -> bool:
        program, identity = rf"lab\.pipeline {TASKS[self.task]}$", f"PIPELINE_RUN_ID={self.run_id}"
        return bool(self.hands.in_node("sh", "-c", KILL, "sh", program, identity))

    def kill_task(self) -> bool:
        workers = self.hands.watch.pods(self.is_worker)
        place = ("--namespace", AIRFLOW, "--wait=false", *GONE)
        for pod in workers:
            self.hands.kubectl("delete", "pod", pod["metadata"]["name"], *place)
        return bool(workers)

    def is_worker(self, pod: Pod) -> bool:
        said = pod["metadata"].get("annotations", {})
        known = pod["metadata"].get("labels", {}).get(WORKER) == "True" and pod["status"].get("phase") == "Running"
        return known and (said.get("run_id"), said.get("task_id")) == (self.run_id, self.task)

    def evict(self) -> bool:
        """By the Eviction API ("API-initiated Eviction" in Kubernetes' documentation), as `kubectl drain` does."""
        if self.has_ended():
            return False
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": self.name, "namespace": AIRFLOW},
        }
        path = f"/api/v1/namespaces/{AIRFLOW}/pods/{self.name}/eviction"
        asked = self.hands.instance.kubectl(
            "create", "--raw", path, "--filename", "-", text=json.dumps(body), check=False
        )
        return asked.status == 0


@dataclass(frozen=True)
class KindHands:
    """See lab.drill.hands.Hands for what each method promises."""

    instance: Instance

    @property
    def runs_folder(self) -> Path:
        return self.instance.data / "shared" / "runs"

    @cached_property
    def watch(self) -> PodWatch:
        watch = PodWatch(self.instance)
        watch.start()
        return watch

    def find(self, run_id: str, task: str) -> KindStep | None:
        found = self.watch.pods(lambda pod: is_step(pod, run_id, task))
        return KindStep(self, found[0]["metadata"]["name"], run_id, task) if found else None

    def at_work(self, run_id: str) -> bool:
        return bool(self.watch.pods(lambda pod: is_step(pod, run_id)))

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
        if self.instance.container() is None:  # a new cluster has nothing of a drill
            return
        if not self.instance.is_up():
            cluster.ensure(self.instance)
        self.scale_git(1)
        self.in_node("pkill", "-CONT", "--full", S3_PROGRAM)
        self.point_back()
        self.start_git()
        self.kubectl("delete", "pod", STAND_IN, "--namespace", PLATFORM, "--wait=false", *GONE)

    def kubectl(self, *arguments: str, text: str | None = None, limit: float = 60) -> str:
        return self.instance.kubectl(*arguments, text=text, limit=limit).stdout.strip()

    def in_node(self, *command: str) -> str:
        """What a command in the node prints; its status is that of pgrep, which may have found nothing."""
        return docker("exec", self.instance.node, *command, check=False).stdout.strip()


def stand_in(image: str) -> dict[str, object]:
    """The pod that answers 503: an image with Python, and the program."""
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
