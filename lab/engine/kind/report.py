"""The current state of the lab on kind: its status, and checks for when something is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from lab.access import Access
from lab.docker import inspect, require_engine
from lab.engine import health
from lab.engine.base import ServiceStatus, Status
from lab.engine.kind import cluster, logs, pods, rotation
from lab.engine.kind.instance import SYSTEM, Instance
from lab.engine.kind.pods import Pod
from lab.engine.names import API_SERVER
from lab.errors import LabError, ProgramError
from lab.host import Check, docker_ports, inotify, kind_checks

ASKED = {
    "gitea": "git",
    "localstack": "localstack",
    "airflow-api-server": "airflow-api-server",
    "airflow-scheduler": "airflow-scheduler",
    "airflow-dag-processor": "airflow-dag-processor",
}
"""The names in health.trouble of the services that it can check; the others are as healthy as their pods."""
KINDNET = "daemonset.apps/kindnet"
API_SERVER_SECONDS = 120
"""Seconds from the start of a node within which its API server, and the rights in it, are not yet complete."""


def status(instance: Instance) -> Status:
    """See lab.engine.base.Engine.status."""
    if not instance.is_up():
        container = instance.container()
        stopped = container is not None and instance.is_own(container)
        return Status("kind", "stopped" if stopped else "down", [])
    access = instance.access()
    try:
        found = {name: newest(instance, name) for name in logs.names(instance.settings)}
    except ProgramError as error:
        return Status("kind", "starting", [ServiceStatus("cluster", "starting", why_no_answer(instance, error))])
    services = [service_status(access, name, pod) for name, pod in found.items()]
    state = "healthy" if all(service.state == "healthy" for service in services) else "degraded"
    urls = {"airflow": access.airflow_url, "repository": access.repository_url, "s3": access.s3_url}
    answers = any(service.name == API_SERVER and service.state == "healthy" for service in services)
    faults = health.import_errors(access) if answers else []
    return Status("kind", state, services, urls, memory(instance), "node", faults)


def why_no_answer(instance: Instance, error: ProgramError) -> str:
    """Why kubectl got no answer. A node that has just started refuses connections, then all requests."""
    container = instance.container()
    started = container["State"].get("StartedAt", "") if container else ""
    if started and (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds() < API_SERVER_SECONDS:
        return "the API server is starting"
    last = (error.detail or error.message).splitlines()[-1]  # above it, kubectl's empty answer
    return f"the API server does not answer: {last}"


def newest(instance: Instance, service: str) -> Pod | None:
    namespace, selector = logs.SERVICES[service]
    found = [pod for pod in pods.read(instance, namespace, selector=selector) if pod.state != "ending"]
    return found[-1] if found else None


def service_status(access: Access, name: str, pod: Pod | None) -> ServiceStatus:
    """One service: the state of its pod, and whether it answers."""
    urls = {"gitea": access.git_url, "localstack": access.s3_url, "airflow-api-server": access.airflow_url}
    url = urls.get(name, "")
    if pod is None:
        return ServiceStatus(name, "missing", "no pod", url)
    uptime = (datetime.now(UTC) - pod.started).total_seconds() if pod.started else None
    if pod.state != "healthy":
        return ServiceStatus(name, pod.state, pod.reason, url, None, uptime, pod.name)
    reason = health.trouble(access, ASKED[name]) if name in ASKED else ""
    return ServiceStatus(name, "starting" if reason else "healthy", reason, url, None, uptime, pod.name)


def memory(instance: Instance) -> int:
    """Bytes that the node and all its pods hold, as the kubelet counts what it cannot reclaim; 0 if unknown."""
    asked = ("get", "--raw", f"/api/v1/nodes/{instance.node}/proxy/stats/summary?only_cpu_and_memory=true")
    answer = instance.kubectl(*asked, check=False)
    if answer.status != 0:
        return 0
    return int(json.loads(answer.stdout)["node"].get("memory", {}).get("workingSetBytes", 0))


def diagnose(instance: Instance) -> list[Check]:
    """See lab.engine.base.Engine.diagnose."""
    try:
        version = require_engine()
    except LabError as error:
        return [Check("Docker", "fail", error.message, error.hint)]
    found = [Check("Docker", "ok", f"Docker {version}"), docker_ports(version)]
    try:
        cluster.require_own(instance)
    except LabError as error:
        return [*found, Check("cluster", "fail", error.message, error.hint)]
    missing = instance.images.missing()
    result = ("warn", f"not here yet: {', '.join(missing)}") if missing else ("ok", "all here")
    found += [*kind_checks(instance.paths, builds=instance.builds()), Check("images", *result, hint="make lab-up")]
    found.append(inotify(cluster.other_nodes(instance)))
    found += unfinished_rotation(instance)
    found += network_policies(instance)
    found += [Check("left over", "fail", line, "make lab-down removes it") for line in leftovers(instance)]
    now = status(instance)
    for service in now.services:
        state = "ok" if service.state == "healthy" else "fail"
        hint = f"make lab-logs SERVICE={service.name}"
        found.append(Check(service.name, state, service.reason or service.state, hint))
    return [*found, *health.dag_checks(now.import_errors)]


def unfinished_rotation(instance: Instance) -> list[Check]:
    """A rotation of secrets that has not ended: what uses them may be refused until it is completed."""
    if not rotation.pending_file(instance).exists():
        return []
    return [
        Check("secrets", "warn", "their rotation was interrupted", "make lab-secrets ROTATE=git-password completes it")
    ]


def network_policies(instance: Instance) -> list[Check]:
    """Whether the network of this cluster enforces the NetworkPolicies; nothing while the cluster does not answer.

    kindnet, the network of the nodes that kind's makers publish, enforces them. The network of a built node does not.
    """
    name = "network policies"
    if not instance.is_up():
        return []
    answer = instance.kubectl("get", "daemonsets", "--namespace", SYSTEM, "--output", "name", check=False)
    if answer.status != 0:
        return []
    if KINDNET in answer.stdout.split():
        return [Check(name, "ok", "enforced by kindnet")]
    found = "not enforced: the network of a built node has none, and pods reach each other"
    return [Check(name, "warn", found, "a node that was pulled enforces them: make lab-up IMAGES=pull")]


def leftovers(instance: Instance) -> Iterator[str]:
    """Containers and networks of the lab that no running cluster needs, one line each."""
    container = instance.container()
    for name in cluster.clusters_of(instance):
        if name != instance.cluster:
            yield f"the kind cluster {name}, which has this lab's data"
    if container is not None and instance.is_own(container) and not container["State"]["Running"]:
        yield f"the container {instance.node}, which is stopped"
    if container is None and inspect("network", instance.network) is not None:
        yield f"the network {instance.network}"
