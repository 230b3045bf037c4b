"""The phases of the platform: the stand-ins for external services, in the cluster."""

from __future__ import annotations

import functools

from lab.components import gitea, storage
from lab.engine import dataset
from lab.engine.health import bucket_answers
from lab.engine.kubernetes import objects, overlay, rollout
from lab.engine.kubernetes.cluster import PLATFORM, SYSTEM
from lab.engine.kubernetes.instance import ClusterInstance
from lab.engine.kubernetes.overlay import ServicePlace
from lab.engine.kubernetes.waiting import awaited, succeeds, wait_for
from lab.engine.phases import Note, Phase
from lab.services.pod_identity import POD_IDENTITY
from lab.services.storage import LOCALSTACK
from lab.wait import NotYetError

OWN = {"airflow", "dags", "database", "git", "identity", "storage", "triggers"}
"""The roles of services that are waited for by a phase that does more than that."""
APPLY_LIMIT = 60
READY_LIMIT = 180
"""Seconds that a service of the platform may take until it answers."""


def phases(instance: ClusterInstance) -> list[Phase]:
    """All of them; they need the phase `cluster`, and `environment-worker`."""
    made = dataset.dataset(instance, READY_LIMIT)
    others = [further(instance, place) for place in overlay.places(instance.settings).values()
              if place.service.role not in OWN]  # fmt: skip
    return [platform(instance), identity(instance), git(instance), stores(instance), made, *others]


def platform(instance: ClusterInstance) -> Phase:
    def apply(note: Note) -> None:
        note("namespaces, secrets, volumes, PostgreSQL, Gitea, LocalStack")
        objects.apply(instance)

    applied = functools.partial(objects.are_applied, instance)
    return Phase("platform", "Applying the manifests", APPLY_LIMIT, applied, apply, ("cluster",))


def identity(instance: ClusterInstance) -> Phase:
    """Before it is there, the API server admits no pod of Airflow."""
    return awaited(
        instance.kube, "identity", "Starting Pod Identity",
        functools.partial(rollout.require_done, instance.kube, POD_IDENTITY),
        what="Pod Identity", namespace=SYSTEM, limit=READY_LIMIT, needs=("platform",),
    )  # fmt: skip


def git(instance: ClusterInstance) -> Phase:
    probe = functools.partial(require_git, instance)

    def done() -> bool:  # a lab of an earlier version has no bot and no branch protection
        return succeeds(probe) and gitea.is_set_up(instance.access())

    def set_up(note: Note) -> None:
        wait_for(instance.kube, probe, note, what="Gitea", namespace=PLATFORM, limit=READY_LIMIT)
        note("the repository, the bot of the cluster, the protection of the branch")
        gitea.set_up(instance.access())

    return Phase("git", "Starting Gitea", READY_LIMIT, done, set_up, ("platform",))


def require_git(instance: ClusterInstance) -> None:
    """Return if Gitea answers and it and its database are rolled out; NotYetError otherwise."""
    rollout.require_done(instance.kube, "postgres", "gitea")
    gitea.answers(instance.access())


def further(instance: ClusterInstance, place: ServicePlace) -> Phase:
    """The phase of any other service, from its record."""
    service = place.service

    def probe() -> None:
        rollout.require_done(instance.kube, place.name)
        if service.probe:
            service.probe(instance.access())

    return awaited(
        instance.kube, service.role, service.heading, probe,
        what=service.what, namespace=place.namespace, limit=READY_LIMIT, needs=("platform",),
    )  # fmt: skip


def stores(instance: ClusterInstance) -> Phase:
    def done() -> bool:
        try:
            rollout.require_done(instance.kube, LOCALSTACK)
            return storage.bucket_exists(instance.access())
        except NotYetError:
            return False

    def probe() -> None:
        rollout.require_done(instance.kube, LOCALSTACK)
        bucket_answers(instance.access())

    def ensure(note: Note) -> None:
        wait_for(instance.kube, probe, note, what="LocalStack", namespace=PLATFORM, limit=READY_LIMIT)
        storage.ensure_bucket(instance.access())

    return Phase("storage", "Starting LocalStack (S3, STS, IAM)", READY_LIMIT, done, ensure, ("platform",))
