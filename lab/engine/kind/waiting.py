"""Waits for something in the cluster and watches its pods: one that cannot start ends the wait at once."""

from __future__ import annotations

import time
from collections.abc import Callable

from lab.engine.kind import pods
from lab.engine.kind.instance import AIRFLOW, PLATFORM, SYSTEM, Instance
from lab.engine.phases import Note
from lab.errors import ProgramError
from lab.wait import NotYetError, wait_until

LOOK_SECONDS = 2.0
"""How often the pods are checked while the probe fails."""


def wait_for(
    instance: Instance, probe: Callable[[], None], note: Note, *, what: str, namespace: str, limit: float
) -> None:
    """Wait until `probe` succeeds; meanwhile show what the namespace's pods wait for.

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
                look(instance, namespace, note)
                looked = time.monotonic()
            raise

    wait_until(watched, what=what, limit=limit, pause=0.3, hint="make lab-status", detail=lambda: not_ready(instance))


def look(instance: Instance, namespace: str, note: Note) -> None:
    """Show what is not ready; raise ServiceError if it cannot become ready."""
    try:
        found = pods.read(instance, namespace)
    except ProgramError:  # the API server is busy; the probe decides
        return
    for pod in found:
        if pod.state == "starting":
            pods.require_hope(instance, pod)
            note(f"{pods.service_name(pod)}: {pod.reason}"[:110])


def not_ready(instance: Instance) -> str:
    """Every pod that is not ready, with its reason: the evidence of a wait that failed."""
    found = pods.read(instance, AIRFLOW, PLATFORM, SYSTEM)
    return "\n".join(f"{pod.name}: {pod.state} {pod.reason}" for pod in found if pod.state == "starting")
