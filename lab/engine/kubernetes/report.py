"""The state of the lab's services in a cluster: by their pods, and by asking them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from lab.access import Access
from lab.engine import health, names
from lab.engine.base import ServiceStatus, Status
from lab.engine.kubernetes import logs, pods
from lab.engine.kubernetes.cluster import Cluster
from lab.engine.kubernetes.pods import Pod
from lab.host import Check

ASKED = {
    "gitea": names.GIT,
    "localstack": names.LOCALSTACK,
    **{name: name for name in (names.API_SERVER, names.SCHEDULER, names.DAG_PROCESSOR)},
}
"""The names in health.trouble of the services that it can check; the others are as healthy as their pods."""


def services(cluster: Cluster, access: Access, wanted: Sequence[str], urls: Mapping[str, str]) -> list[ServiceStatus]:
    """Each of the `wanted` services; `urls` are those of services that people reach.

    Raises:
        ProgramError: the API server does not answer.
    """
    found = {name: newest(cluster, name) for name in wanted}
    return [service_status(access, name, pod, urls.get(name, "")) for name, pod in found.items()]


def newest(cluster: Cluster, service: str) -> Pod | None:
    namespace, selector = logs.SERVICES[service]
    found = [pod for pod in pods.read(cluster, namespace, selector=selector) if pod.state != "ending"]
    return found[-1] if found else None


def service_status(access: Access, name: str, pod: Pod | None, url: str) -> ServiceStatus:
    """One service: the state of its pod, and whether it answers."""
    if pod is None:
        return ServiceStatus(name, "missing", "no pod", url)
    uptime = (datetime.now(UTC) - pod.started).total_seconds() if pod.started else None
    if pod.state != "healthy":
        return ServiceStatus(name, pod.state, pod.reason, url, None, uptime, pod.name)
    reason = health.trouble(access, ASKED[name]) if name in ASKED else ""
    return ServiceStatus(name, "starting" if reason else "healthy", reason, url, None, uptime, pod.name)


def state_of(found: Sequence[ServiceStatus]) -> str:
    return "healthy" if all(service.state == "healthy" for service in found) else "degraded"


def service_checks(now: Status, option: str = "") -> Iterator[Check]:
    """The checks of `lab doctor` that follow from the status."""
    for service in now.services:
        state = "ok" if service.state == "healthy" else "fail"
        hint = f"make lab-logs SERVICE={service.name}{option}"
        yield Check(service.name, state, service.reason or service.state, hint)
    yield from health.dag_checks(now.import_errors)
