"""Waits for something in the cluster and watches its pods: one that cannot start ends the wait at once."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

from lab.engine.kubernetes import pods
from lab.engine.kubernetes.cluster import AIRFLOW, PLATFORM, SYSTEM, Cluster
from lab.engine.phases import Note, Phase
from lab.errors import ProgramError
from lab.wait import NotYetError, wait_until

LOOK_SECONDS = 2.0
"""How often the pods are checked while the probe fails."""


def wait_for(
    cluster: Cluster,
    probe: Callable[[], None],
    note: Note,
    *,
    what: str,
    namespace: str,
    limit: float,
    hint: str = "make lab-status",
) -> None:
    """Wait until `probe` succeeds, at most `limit` seconds; meanwhile show what the namespace's pods wait for.

    Raises:
        ServiceError: the limit was reached, or a pod of the namespace cannot start; the event explains it.
    """
    looked = time.monotonic()

    def watched() -> None:
        nonlocal looked
        try:
            probe()
        except NotYetError:
            if time.monotonic() - looked > LOOK_SECONDS:
                look(cluster, namespace, note)
                looked = time.monotonic()
            raise

    wait_until(watched, what=what, limit=limit, pause=0.3, hint=hint, detail=lambda: not_ready(cluster))


def look(cluster: Cluster, namespace: str, note: Note) -> None:
    """Show what is not ready; raise ServiceError if it cannot become ready."""
    try:
        found = pods.read(cluster, namespace)
    except ProgramError:  # the API server is busy; the probe decides
        return
    for pod in found:
        if pod.state == "starting":
            pods.require_hope(cluster, pod)
            note(f"{pods.service_name(pod)}: {pod.reason}"[:110])


def not_ready(cluster: Cluster) -> str:
    """Every pod that is not ready, with its reason: the evidence of a wait that failed."""
    found = pods.read(cluster, AIRFLOW, PLATFORM, SYSTEM)
    return "\n".join(f"{pod.name}: {pod.state} {pod.reason}" for pod in found if pod.state == "starting")


def awaited(
    cluster: Cluster,
    name: str,
    title: str,
    probe: Callable[[], None],
    *,
    what: str,
    namespace: str,
    limit: float,
    needs: tuple[str, ...],
) -> Phase:
    """The phase that waits for what an earlier one has started."""

    def wait(note: Note) -> None:
        wait_for(cluster, probe, note, what=what, namespace=namespace, limit=limit)

    return Phase(name, title, limit, functools.partial(succeeds, probe), wait, needs)


def succeeds(probe: Callable[[], None]) -> bool:
    try:
        probe()
    except NotYetError:
        return False
    return True
