"""What is reported of a pod, and which pods are given up at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lab.engine.kubernetes import pods
from lab.engine.kubernetes.cluster import Patience
from lab.errors import ServiceError


class Cluster:
    """Answers what kubectl would of events and logs."""

    class Answer:
        def __init__(self, stdout: str) -> None:
            self.stdout = stdout
            self.status = 0

    patience = Patience()
    option = ""

    def kubectl(self, *arguments: str, **_: Any) -> Answer:
        return self.Answer({"get": "the event", "logs": "the last line"}[arguments[0]])


CLUSTER: Any = Cluster()


def raw(name: str = "gitea-1", **status: Any) -> dict[str, Any]:
    metadata = {
        "namespace": "platform",
        "name": name,
        "labels": {"app.kubernetes.io/name": name.split("-", maxsplit=1)[0]},
    }
    return {"metadata": metadata, "status": {"phase": "Pending", **status}}


def container(restarts: int = 0, *, ready: bool = False, last: dict[str, Any] | None = None, **state: Any) -> Any:
    return {"name": "c", "ready": ready, "restartCount": restarts, "state": state, "lastState": last or {}}


def test_a_ready_pod_is_healthy_and_has_no_reason() -> None:
    found = pods.describe(
        raw(
            phase="Running",
            conditions=[{"type": "Ready", "status": "True"}],
            containerStatuses=[container(ready=True, running={})],
        )
    )
    assert (found.state, found.reason) == ("healthy", "")


def test_a_pod_that_is_being_deleted_is_ending() -> None:
    ending = raw(phase="Running")
    ending["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert pods.describe(ending).state == "ending"


@pytest.mark.parametrize("reason", sorted(pods.HOPELESS))
def test_a_pod_that_cannot_start_is_reported_with_its_event(reason: str) -> None:
    pod = pods.describe(raw(containerStatuses=[container(waiting={"reason": reason, "message": "no such image"})]))
    with pytest.raises(ServiceError, match="gitea-1 cannot start: c: no such image") as caught:
        pods.require_hope(CLUSTER, pod)
    assert caught.value.detail == "the event"
    assert caught.value.hint == "make lab-logs SERVICE=gitea"


def test_a_crash_loop_is_reported_with_its_last_lines_but_not_at_the_first_crash() -> None:
    def crashed(restarts: int) -> pods.Pod:
        status = container(
            restarts, waiting={"reason": "CrashLoopBackOff"}, last={"terminated": {"exitCode": 3, "reason": "Error"}}
        )
        return pods.describe(raw(containerStatuses=[status]))

    pods.require_hope(CLUSTER, crashed(1))
    with pytest.raises(ServiceError, match="ended 2 times, exit status 3") as caught:
        pods.require_hope(CLUSTER, crashed(2))
    assert caught.value.detail == "the last line"


def test_a_crashed_init_container_counts_too() -> None:
    status = container(2, waiting={"reason": "CrashLoopBackOff"}, last={"terminated": {"exitCode": 1}})
    with pytest.raises(ServiceError):
        pods.require_hope(CLUSTER, pods.describe(raw(initContainerStatuses=[status])))


def test_localstack_without_a_licence_is_reported_at_the_first_crash() -> None:
    status = container(1, waiting={"reason": "CrashLoopBackOff"}, last={"terminated": {"exitCode": 55}})
    with pytest.raises(ServiceError, match="licence"):
        pods.require_hope(CLUSTER, pods.describe(raw("localstack-1", containerStatuses=[status])))


MEMORY = "0/1 nodes are available: 1 Insufficient memory."
CLAIM = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
TAINT = "0/1 nodes are available: 1 node(s) had untolerated taint(s)."


@pytest.mark.parametrize(
    ("message", "seconds", "given_up"),
    [(MEMORY, 1, False), (MEMORY, 20, True), (CLAIM, 20, False), (CLAIM, 90, True), (TAINT, 20, False)],
)
def test_a_pod_that_fits_nowhere_is_given_up_when_nothing_is_about_to_change(
    message: str, seconds: int, *, given_up: bool
) -> None:
    since = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "lastTransitionTime": since,
                 "message": message}  # fmt: skip
    pod = pods.describe(raw(conditions=[condition]))
    assert message in pod.reason
    if not given_up:
        pods.require_hope(CLUSTER, pod)
        return
    with pytest.raises(ServiceError, match="does not fit on the node: 0/1 nodes are available"):
        pods.require_hope(CLUSTER, pod)
