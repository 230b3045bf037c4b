"""Whether a service is rolled out: its new pods serve, and its old ones have ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lab.engine.kubernetes import overlay
from lab.engine.kubernetes.cluster import Cluster
from lab.engine.kubernetes.pods import condition
from lab.errors import ProgramError, ServiceError
from lab.wait import NotYetError

Object = dict[str, Any]
WEBHOOK_AWAY = "failed calling webhook"
"""How the API server refuses a pod while an admission webhook, such as Pod Identity's, is not up yet."""
KINDS = "deployments,statefulsets,daemonsets,pods"


def require_done(cluster: Cluster, *services: str) -> None:
    """Return if each of the services (as `lab status` names them) is rolled out, by one question for each namespace.

    Raises:
        NotYetError: one is not; the message names the workload and what it waits for.
        ServiceError: the cluster refuses the pods of one; the message is Kubernetes' own reason.
    """
    wanted: dict[str, list[str]] = {}
    for service in services:
        place = overlay.places()[service]
        wanted.setdefault(place.namespace, []).append(place.selector)
    for namespace, selectors in wanted.items():
        try:
            answer = cluster.kubectl("get", KINDS, "--namespace", namespace, "--output", "json")
        except ProgramError as error:
            raise NotYetError("the API server does not answer") from error
        found = json.loads(answer.stdout)["items"]
        for selector in selectors:
            require_rolled_out(found, selector)


def require_rolled_out(found: list[Object], selector: str) -> None:
    """Raise unless the workload with the label `selector` (`label=value`) is rolled out, by its own status."""
    label, _, value = selector.partition("=")
    workload = next((each for each in found if labels_of_pods(each).get(label) == value), None)
    if workload is None:
        raise NotYetError(f"there is no workload with the label {selector}")
    name = workload["metadata"]["name"]
    refused = condition(workload, "ReplicaFailure")
    if refused.get("status") == "True" and WEBHOOK_AWAY not in refused.get("message", ""):
        raise ServiceError(f"the cluster refuses the pods of {name}: {refused.get('message', '')}", "make lab-status")
    for what in unfinished(workload):
        raise NotYetError(f"{name}: {what}")
    for pod in found:
        ends = "deletionTimestamp" in pod["metadata"]
        if pod["kind"] == "Pod" and ends and pod["metadata"].get("labels", {}).get(label) == value:
            raise NotYetError(f"{name}: the pod {pod['metadata']['name']} is ending")


def labels_of_pods(workload: Object) -> dict[str, str]:
    template = workload.get("spec", {}).get("template", {})
    labels: dict[str, str] = template.get("metadata", {}).get("labels", {})
    return labels


def unfinished(workload: Object) -> Iterator[str]:
    """What a rollout still lacks, as `kubectl rollout status` reports it ("Deployments" in its documentation)."""
    status = workload.get("status", {})
    if status.get("observedGeneration", 0) < workload["metadata"]["generation"]:
        yield "its controller has not seen the change"
    if workload["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
        wanted = max(wanted, 1)  # before the node is ready it wants none
    else:
        wanted = workload["spec"].get("replicas", 1)
        updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted:
        yield f"{updated} of {wanted} pods are new"
    if status.get("replicas", wanted) > wanted:
        yield "old pods are ending"
    if available < wanted:
        yield f"{available} of {wanted} pods are ready"
