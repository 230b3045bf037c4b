"""The phases of Airflow: the official chart installed by Helm, the API, the DAGs, and what starts runs on a push."""

from __future__ import annotations

import functools
import time

from lab.components import gitea
from lab.engine.health import answers, dags_loaded
from lab.engine.kind import inside, release, rollout, waiting
from lab.engine.kind.instance import AIRFLOW, Instance
from lab.engine.kind.platform_phases import succeeds
from lab.engine.names import API_SERVER, DAG_PROCESSOR, SCHEDULER, TRIGGERS
from lab.engine.phases import Note

READY_LIMIT = 300
"""Seconds that Airflow may take to answer on a slow machine; it takes about twenty on two cores."""


def release_done(instance: Instance) -> bool:
    return release.is_current(instance)


def install_release(instance: Instance, note: Note) -> None:
    note("the official chart")
    release.install(instance)


def airflow_done(instance: Instance) -> bool:
    return succeeds(functools.partial(require_airflow, instance))


def wait_for_airflow(instance: Instance, note: Note) -> None:
    probe = functools.partial(require_airflow, instance)
    waiting.wait_for(instance, probe, note, what="Airflow", namespace=AIRFLOW, limit=READY_LIMIT)


def require_airflow(instance: Instance) -> None:
    """Return if Airflow answers and all of it is rolled out; NotYetError otherwise."""
    rollout.require_done(instance, API_SERVER, SCHEDULER, DAG_PROCESSOR)
    answers(f"{instance.access().airflow_url}/api/v2/version")


def dags_done(instance: Instance) -> bool:
    # Airflow reports a killed component within half a minute: until then, its last heartbeat counts.
    return succeeds(functools.partial(dags_loaded, instance.access(), 0))


def wait_for_dags(instance: Instance, note: Note) -> None:
    probe = functools.partial(dags_loaded, instance.access(), time.time() - READY_LIMIT)
    waiting.wait_for(instance, probe, note, what="Airflow", namespace=AIRFLOW, limit=READY_LIMIT)


def triggers_done(instance: Instance) -> bool:
    access = instance.access()
    wanted = [gitea.webhook_url(access, inside.WEBHOOK_URL)] if instance.settings.triggers.on_push else []
    if gitea.webhooks(access) != wanted:
        return False
    return not wanted or succeeds(functools.partial(rollout.require_done, instance, TRIGGERS))


def watch_for_pushes(instance: Instance, note: Note) -> None:
    """Create the webhook in Gitea, once the service is ready and has read the existing commits."""
    if not instance.settings.triggers.on_push:
        gitea.remove_webhooks(instance.access())
        return
    probe = functools.partial(rollout.require_done, instance, TRIGGERS)
    waiting.wait_for(instance, probe, note, what="the watch for pushes", namespace=AIRFLOW, limit=READY_LIMIT)
    gitea.ensure_webhook(instance.access(), inside.WEBHOOK_URL)
