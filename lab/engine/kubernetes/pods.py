"""The state of the cluster's pods, and why one of them cannot start."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab.engine.kubernetes.cluster import AIRFLOW, Cluster
from lab.errors import ServiceError

HOPELESS = {
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
}
"""Reasons of a waiting container (kubelet) that do not resolve without a change."""
PASSING = ("PersistentVolumeClaim", "untolerated taint")
"""Parts of its message that name a temporary reason: a claim that is being bound, a node that is not ready yet."""
PASSING_SECONDS = 60
LICENCE_STATUS = 55
"""LocalStack's exit status if it requires a licence, as every release after 4.14.0 does."""


@dataclass(frozen=True)
class Pod:
    """A pod as kubectl shows it: `state` in one word, `reason` where it is not ready."""

    namespace: str
    name: str
    state: str
    reason: str
    restarts: int
    started: datetime | None
    raw: dict[str, Any]


def read(cluster: Cluster, *namespaces: str, selector: str = "") -> list[Pod]:
    """The pods of the namespaces, oldest first."""
    found = []
    for namespace in namespaces:
        options = ["--selector", selector] if selector else []
        answer = cluster.kubectl("get", "pods", "--namespace", namespace, "--output", "json", *options)
        found += [describe(item) for item in json.loads(answer.stdout)["items"]]
    return found


def describe(raw: dict[str, Any]) -> Pod:
    """One pod of `kubectl get pods -o json` (the Pod type of the Kubernetes API, core/v1)."""
    status, metadata = raw.get("status", {}), raw["metadata"]
    containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    started = status.get("startTime")
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        state=state_of(raw),
        reason=reason_of(raw),
        restarts=sum(container["restartCount"] for container in containers),
        started=datetime.fromisoformat(started) if started else None,
        raw=raw,
    )


def state_of(raw: dict[str, Any]) -> str:
    status = raw.get("status", {})
    if "deletionTimestamp" in raw["metadata"]:
        return "ending"
    if status.get("phase") in {"Succeeded", "Failed"}:
        return str(status["phase"]).lower()
    return "healthy" if condition(raw, "Ready").get("status") == "True" else "starting"


def condition(raw: dict[str, Any], kind: str) -> dict[str, Any]:
    return next((c for c in raw.get("status", {}).get("conditions", []) if c["type"] == kind), {})


def reason_of(raw: dict[str, Any]) -> str:
    """Why the pod is not ready, as Kubernetes reports it; empty if it is ready."""
    scheduled = condition(raw, "PodScheduled")
    if scheduled.get("status") == "False":
        return str(scheduled.get("message", scheduled.get("reason", "not scheduled")))
    status = raw.get("status", {})
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        waiting = container["state"].get("waiting")
        if waiting:
            return f"{container['name']}: {waiting.get('message') or waiting.get('reason', 'waiting')}"
        ended = container["state"].get("terminated")
        if ended and ended["exitCode"] != 0:
            return f"{container['name']}: {ended.get('reason', 'ended')}, exit status {ended['exitCode']}"
        if "running" in container["state"] and not container["ready"]:
            return f"{container['name']}: running, not ready yet"
    return ""


def require_hope(cluster: Cluster, pod: Pod) -> None:
    """Return if the pod may still become ready.

    Raises:
        ServiceError: it cannot; the message is the event that explains why, the detail its last log lines.
    """
    hint = f"make lab-logs SERVICE={service_name(pod)}{cluster.option}"
    for container in [
        *pod.raw["status"].get("initContainerStatuses", []),
        *pod.raw["status"].get("containerStatuses", []),
    ]:
        reason = container["state"].get("waiting", {}).get("reason", "")
        ended = container.get("lastState", {}).get("terminated") or container["state"].get("terminated") or {}
        if ended.get("exitCode") == LICENCE_STATUS and "localstack" in pod.name:
            message = "LocalStack ended with exit status 55: this release wants a licence"
            raise ServiceError(message, "use the pinned release: lab/pins.toml names it", last_lines(cluster, pod))
        if reason in HOPELESS:
            raise ServiceError(f"{pod.name} cannot start: {pod.reason}", hint, last_event(cluster, pod))
        if reason == "CrashLoopBackOff" and container["restartCount"] >= cluster.patience.restarts:
            message = f"{pod.name} ended {container['restartCount']} times, exit status {ended.get('exitCode')}"
            raise ServiceError(message, hint, last_lines(cluster, pod, container["name"]))
    scheduled = condition(pod.raw, "PodScheduled")
    if scheduled.get("reason") == "Unschedulable" and age(scheduled) > patience(cluster, scheduled):
        message = f"{pod.name} does not fit on the node: {scheduled.get('message', '')}"
        raise ServiceError(message, cluster.patience.hint)


def patience(cluster: Cluster, scheduled: dict[str, Any]) -> float:
    """Seconds that a pod may wait for a node, by the scheduler's message of why it does."""
    passes = any(sign in scheduled.get("message", "") for sign in PASSING)
    return max(PASSING_SECONDS if passes else 0, cluster.patience.unschedulable)


def age(found: dict[str, Any]) -> float:
    """Seconds since a condition became what it is."""
    return (datetime.now(UTC) - datetime.fromisoformat(found["lastTransitionTime"])).total_seconds()


def last_event(cluster: Cluster, pod: Pod) -> str:
    """The latest warning event of the pod."""
    which = f"involvedObject.name={pod.name},type=Warning"
    order = ("--sort-by", ".lastTimestamp", "--output", "jsonpath={.items[-1:].message}")
    place = ("--namespace", pod.namespace, "--field-selector", which)
    return cluster.kubectl("get", "events", *place, *order, check=False).stdout


def last_lines(cluster: Cluster, pod: Pod, container: str = "", lines: int = 12) -> str:
    """The last lines of the pod's log, of the previous attempt if there was one."""
    options = ["--container", container] if container else ["--all-containers"]
    place = ("--namespace", pod.namespace, pod.name, f"--tail={lines}", *options)
    before = cluster.kubectl("logs", *place, "--previous", check=False)
    return (
        before.stdout if before.status == 0 and before.stdout else cluster.kubectl("logs", *place, check=False).stdout
    )


def service_name(pod: Pod) -> str:
    """The pod's owner: its name without the suffix that Kubernetes adds."""
    labels = pod.raw["metadata"].get("labels", {})
    component = labels.get("component")
    return (
        f"airflow-{component}"
        if pod.namespace == AIRFLOW and component
        else labels.get("app.kubernetes.io/name", pod.name)
    )
