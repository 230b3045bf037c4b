"""The phases of Airflow: the official chart installed by Helm, the API, the DAGs, and what starts runs on a push."""

from __future__ import annotations

import functools
import time

from lab.components import gitea
from lab.engine.health import dags_loaded
from lab.engine.kubernetes import inside, rollout, values
from lab.engine.kubernetes import release as releases
from lab.engine.kubernetes.cluster import AIRFLOW
from lab.engine.kubernetes.instance import ClusterInstance
from lab.engine.kubernetes.waiting import awaited, succeeds, wait_for
from lab.engine.phases import Note, Phase
from lab.services.airflow import API_SERVER, DAG_PROCESSOR, SCHEDULER, api_answers
from lab.services.triggers import TRIGGERS

APPLY_LIMIT = 60
READY_LIMIT = 300
"""Seconds that Airflow may take to answer on a slow machine; it takes about twenty on two cores."""


def phases(instance: ClusterInstance) -> list[Phase]:
    """All of them; they need the phases `platform`, `identity` and `dataset`."""
    return [release(instance), airflow(instance), dags(instance), triggers(instance)]


def release(instance: ClusterInstance) -> Phase:
    def install(note: Note) -> None:
        note("the official chart")
        releases.install(instance.kube, values.wanted(instance))

    current = functools.partial(is_installed, instance)
    return Phase("release", "Installing Airflow's chart", APPLY_LIMIT, current, install, ("platform",))


def is_installed(instance: ClusterInstance) -> bool:
    """Whether the release in this cluster is the one that would be installed now."""
    found = releases.installed(instance.kube)
    return found is not None and not found.differences(values.wanted(instance))


def airflow(instance: ClusterInstance) -> Phase:
    return awaited(
        instance.kube, "airflow", "Starting Airflow", functools.partial(require_airflow, instance),
        what="Airflow", namespace=AIRFLOW, limit=READY_LIMIT, needs=("release", "identity"),
    )  # fmt: skip


def require_airflow(instance: ClusterInstance) -> None:
    """Return if Airflow answers and all of it is rolled out; NotYetError otherwise."""
    rollout.require_done(instance.kube, API_SERVER, SCHEDULER, DAG_PROCESSOR)
    api_answers(instance.access())


def dags(instance: ClusterInstance) -> Phase:
    def done() -> bool:
        # Airflow reports a killed component within half a minute: until then, its last heartbeat counts.
        return succeeds(functools.partial(dags_loaded, instance.access(), 0))

    def wait(note: Note) -> None:
        probe = functools.partial(dags_loaded, instance.access(), time.time() - READY_LIMIT)
        wait_for(instance.kube, probe, note, what="Airflow", namespace=AIRFLOW, limit=READY_LIMIT)

    return Phase("dags", "Loading the DAGs from the repository", READY_LIMIT, done, wait, ("airflow", "dataset"))


def triggers(instance: ClusterInstance) -> Phase:
    """The webhook in Gitea, once the service is ready and has read the existing commits."""
    wanted = instance.settings.triggers.on_push
    probe = functools.partial(rollout.require_done, instance.kube, TRIGGERS)

    def done() -> bool:
        access = instance.access()
        if gitea.webhooks(access) != ([gitea.webhook_url(access, inside.webhook_url())] if wanted else []):
            return False
        return not wanted or succeeds(probe)

    def watch(note: Note) -> None:
        if not wanted:
            gitea.remove_webhooks(instance.access())
            return
        wait_for(instance.kube, probe, note, what="the watch for pushes", namespace=AIRFLOW, limit=READY_LIMIT)
        gitea.ensure_webhook(instance.access(), inside.webhook_url())

    return Phase("triggers", "Watching for pushes", READY_LIMIT, done, watch, ("airflow", "dataset"))
