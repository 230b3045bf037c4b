"""When a service on kind counts as rolled out, judged from objects of the shape that the API server gives."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from lab.engine.kubernetes.rollout import require_rolled_out
from lab.errors import ServiceError
from lab.wait import NotYetError

SELECTOR = "component=scheduler"
LABELS = {"component": "scheduler"}
DEPLOYMENT: dict[str, Any] = {
    "kind": "Deployment",
    "metadata": {"name": "airflow-scheduler", "generation": 3},
    "spec": {"replicas": 1, "template": {"metadata": {"labels": LABELS}}},
    "status": {
        "observedGeneration": 3,
        "replicas": 1,
        "updatedReplicas": 1,
        "availableReplicas": 1,
    },
}
DAEMON_SET: dict[str, Any] = {
    "kind": "DaemonSet",
    "metadata": {"name": "pod-identity", "generation": 2},
    "spec": {"template": {"metadata": {"labels": LABELS}}},
    "status": {
        "observedGeneration": 2,
        "desiredNumberScheduled": 1,
        "updatedNumberScheduled": 1,
        "numberAvailable": 1,
    },
}
POD: dict[str, Any] = {"kind": "Pod", "metadata": {"name": "airflow-scheduler-1", "labels": LABELS}}


def changed(workload: dict[str, Any], **status: Any) -> dict[str, Any]:
    made = copy.deepcopy(workload)
    made["status"] = {**made["status"], **status}
    return made


@pytest.mark.parametrize("workload", [DEPLOYMENT, DAEMON_SET], ids=lambda each: each["kind"])
def test_a_workload_with_new_pods_that_serve_is_rolled_out(workload: dict[str, Any]) -> None:
    require_rolled_out([workload, POD], SELECTOR)


@pytest.mark.parametrize(
    ("found", "what"),
    [
        ([POD], "no workload"),
        ([changed(DEPLOYMENT, observedGeneration=2)], "has not seen the change"),
        ([changed(DEPLOYMENT, updatedReplicas=0)], "0 of 1 pods are new"),
        ([changed(DEPLOYMENT, replicas=2)], "old pods are ending"),
        ([changed(DEPLOYMENT, availableReplicas=0)], "0 of 1 pods are ready"),
        ([{**DEPLOYMENT, "status": {}}], "has not seen the change"),
        ([changed(DAEMON_SET, desiredNumberScheduled=0, updatedNumberScheduled=0)], "0 of 1 pods are new"),
        ([changed(DAEMON_SET, numberAvailable=0)], "0 of 1 pods are ready"),
        (
            [DEPLOYMENT, {**POD, "metadata": {**POD["metadata"], "deletionTimestamp": "2026-11-24T10:00:00Z"}}],
            "airflow-scheduler-1 is ending",
        ),
    ],
)
def test_what_a_rollout_lacks_is_named(found: list[dict[str, Any]], what: str) -> None:
    with pytest.raises(NotYetError, match=what):
        require_rolled_out(found, SELECTOR)


def test_a_pod_that_the_cluster_refuses_ends_the_wait_with_its_reason() -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "message": 'pods "x" is forbidden: exceeded quota'}
    with pytest.raises(ServiceError, match=r"refuses the pods of airflow-scheduler: pods .* exceeded quota"):
        require_rolled_out([changed(DEPLOYMENT, conditions=[condition])], SELECTOR)
