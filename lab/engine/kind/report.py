"""The current state of the lab on kind: its status, and checks for when something is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from lab import services
from lab.docker import inspect, require_engine
from lab.engine import health
from lab.engine.base import ServiceStatus, Status
from lab.engine.kind import cluster
from lab.engine.kind.instance import KindInstance
from lab.engine.kubernetes import overlay, report, rotation
from lab.engine.kubernetes.cluster import SYSTEM
from lab.errors import LabError, ProgramError
from lab.host import Check, docker_ports, inotify, kind_checks
from lab.services.airflow import API_SERVER

KINDNET = "daemonset.apps/kindnet"
API_SERVER_SECONDS = 120
"""Seconds from the start of a node within which its API server, and the rights in it, are not yet complete."""


def status(instance: KindInstance) -> Status:
    """See lab.engine.base.Engine.status."""
    if not instance.is_up():
        container = instance.container()
        stopped = container is not None and instance.is_own(container)
        return Status("kind", "stopped" if stopped else "down", [])
    access = instance.access()
    try:
        found = report.services(instance.kube, access, overlay.places(instance.settings).values(), access.urls)
    except ProgramError as error:
        return Status("kind", "starting", [ServiceStatus("cluster", "starting", why_no_answer(instance, error))])
    urls = {label.lower(): url for label, url in services.addresses(access).items()}
    answers = any(service.name == API_SERVER and service.state == "healthy" for service in found)
    faults = health.import_errors(access) if answers else []
    return Status("kind", report.state_of(found), found, urls, memory(instance), "node", faults)


def why_no_answer(instance: KindInstance, error: ProgramError) -> str:
    """Why kubectl got no answer. A node that has just started refuses connections, then all requests."""
    container = instance.container()
    started = container["State"].get("StartedAt", "") if container else ""
    if started and (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds() < API_SERVER_SECONDS:
        return "the API server is starting"
    last = (error.detail or error.message).splitlines()[-1]  # above it, kubectl's empty answer
    return f"the API server does not answer: {last}"


def memory(instance: KindInstance) -> int:
    """Bytes that the node and all its pods hold, as the kubelet counts what it cannot reclaim; 0 if unknown."""
    asked = ("get", "--raw", f"/api/v1/nodes/{instance.node}/proxy/stats/summary?only_cpu_and_memory=true")
    answer = instance.kube.kubectl(*asked, check=False)
    if answer.status != 0:
        return 0
    return int(json.loads(answer.stdout)["node"].get("memory", {}).get("workingSetBytes", 0))


def diagnose(instance: KindInstance) -> list[Check]:
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
    found += rotation.unfinished(instance)
    found += network_policies(instance)
    found += [Check("left over", "fail", line, "make lab-down removes it") for line in leftovers(instance)]
    return [*found, *report.service_checks(status(instance))]


def network_policies(instance: KindInstance) -> list[Check]:
    """Whether the network of this cluster enforces the NetworkPolicies; nothing while the cluster does not answer.

    kindnet, the network of the nodes that kind's makers publish, enforces them. The network of a built node does not.
    """
    name = "network policies"
    if not instance.is_up():
        return []
    answer = instance.kube.kubectl("get", "daemonsets", "--namespace", SYSTEM, "--output", "name", check=False)
    if answer.status != 0:
        return []
    if KINDNET in answer.stdout.split():
        return [Check(name, "ok", "enforced by kindnet")]
    found = "not enforced: the network of a built node has none, and pods reach each other"
    return [Check(name, "warn", found, "a node that was pulled enforces them: make lab-up IMAGES=pull")]


def leftovers(instance: KindInstance) -> Iterator[str]:
    """Containers and networks of the lab that no running cluster needs, one line each."""
    container = instance.container()
    for name in cluster.clusters_of(instance):
        if name != instance.cluster:
            yield f"the kind cluster {name}, which has this lab's data"
    if container is not None and instance.is_own(container) and not container["State"]["Running"]:
        yield f"the container {instance.node}, which is stopped"
    if container is None and inspect("network", instance.network) is not None:
        yield f"the network {instance.network}"
