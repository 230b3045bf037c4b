"""The state of the lab's services in a cluster: by their pods, and by asking them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from lab.access import Access
from lab.engine import health
from lab.engine.base import ServiceStatus, Status
from lab.engine.kubernetes import pods
from lab.engine.kubernetes.cluster import Cluster
from lab.engine.kubernetes.overlay import ServicePlace
from lab.engine.kubernetes.pods import Pod
from lab.host import Check
from lab.services import CLUSTER


def services(
    cluster: Cluster, access: Access, places: Iterable[ServicePlace], urls: Mapping[str, str]
) -> list[ServiceStatus]:
    """The services in these places; `urls` are those that people use, by the names of the ports.

    Raises:
        ProgramError: the API server does not answer.
    """
    found = [(place, newest(cluster, place)) for place in places]
    return [service_status(access, place, pod, urls) for place, pod in found]


def newest(cluster: Cluster, place: ServicePlace) -> Pod | None:
    found = pods.read(cluster, place.namespace, selector=place.selector)
    return next((pod for pod in reversed(found) if pod.state != "ending"), None)


def service_status(access: Access, place: ServicePlace, pod: Pod | None, urls: Mapping[str, str]) -> ServiceStatus:
    """One service: the state of its pod, and whether it answers."""
    name, service = place.name, place.service
    url = urls.get(service.port.name, "") if service.port else ""
    if pod is None:
        return ServiceStatus(name, "missing", "no pod", url)
    uptime = (datetime.now(UTC) - pod.started).total_seconds() if pod.started else None
    if pod.state != "healthy":
        return ServiceStatus(name, pod.state, pod.reason, url, None, uptime, pod.name)
    reason = health.trouble(access, service.name, CLUSTER)
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
