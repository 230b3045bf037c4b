"""The phases of the platform: tools, images, the cluster, and the stand-ins for external services."""

from __future__ import annotations

import functools
from collections.abc import Callable

from lab.components import gitea, repository, storage
from lab.engine import ports, same_settings
from lab.engine.health import bucket_answers
from lab.engine.kind import cluster, objects, programs, rollout, waiting
from lab.engine.kind.instance import PLATFORM, SYSTEM, Instance
from lab.engine.names import LOCALSTACK
from lab.engine.phases import Note
from lab.pipeline.git import GitError
from lab.tools import ensure_tools, missing_tools
from lab.wait import NotYetError

IDENTITY = "pod-identity"
READY_LIMIT = 180
"""Seconds that a service of the platform may take until it answers."""


def tools_done(instance: Instance) -> bool:
    return not missing_tools(instance.paths)


def get_tools(instance: Instance, note: Note) -> None:
    ensure_tools(instance.paths, note)


def images_done(instance: Instance) -> bool:
    return not instance.images.missing()


def get_images(instance: Instance, note: Note) -> None:
    instance.images.ensure(note)


def cluster_done(instance: Instance) -> bool:
    # A lab of an earlier version lacks the secrets that were added later.
    return cluster.is_ready(instance) and not instance.access().secrets.missing()


def make_cluster(instance: Instance, note: Note) -> None:
    instance.access().secrets.ensure()
    instance.paths.run.mkdir(parents=True, exist_ok=True, mode=0o700)
    instance.paths.temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
    instance.paths.aws_configuration.touch()
    if instance.container() is None:
        ports.settle(instance.port_file, instance.settings.ports)
        same_settings.remember_running(instance.running_settings, instance.settings)
    note("kubeadm starts a control plane in one container")
    cluster.ensure(instance)
    programs.link(instance)


def platform_done(instance: Instance) -> bool:
    return objects.are_applied(instance)


def apply_platform(instance: Instance, note: Note) -> None:
    note("namespaces, secrets, volumes, PostgreSQL, Gitea, LocalStack")
    objects.apply(instance)


def identity_done(instance: Instance) -> bool:
    return succeeds(functools.partial(rollout.require_done, instance, IDENTITY))


def wait_for_identity(instance: Instance, note: Note) -> None:
    # Before that, the API server admits no pod of Airflow.
    probe = functools.partial(rollout.require_done, instance, IDENTITY)
    waiting.wait_for(instance, probe, note, what="Pod Identity", namespace=SYSTEM, limit=READY_LIMIT)


def git_done(instance: Instance) -> bool:
    # A lab of an earlier version has no bot and no branch protection.
    return succeeds(functools.partial(require_git, instance)) and gitea.is_set_up(instance.access())


def wait_for_git(instance: Instance, note: Note) -> None:
    probe = functools.partial(require_git, instance)
    waiting.wait_for(instance, probe, note, what="Gitea", namespace=PLATFORM, limit=READY_LIMIT)
    note("the repository, the bot of the cluster, the protection of the branch")
    gitea.set_up(instance.access())


def require_git(instance: Instance) -> None:
    """Return if Gitea answers and it and its database are rolled out; NotYetError otherwise."""
    rollout.require_done(instance, "postgres", "gitea")
    gitea.answers(instance.access())


def storage_done(instance: Instance) -> bool:
    try:
        rollout.require_done(instance, LOCALSTACK)
        return storage.bucket_exists(instance.access())
    except NotYetError:
        return False


def wait_for_storage(instance: Instance, note: Note) -> None:
    def probe() -> None:
        rollout.require_done(instance, LOCALSTACK)
        bucket_answers(instance.access())

    waiting.wait_for(instance, probe, note, what="LocalStack", namespace=PLATFORM, limit=READY_LIMIT)
    storage.ensure_bucket(instance.access())


def dataset_done(instance: Instance) -> bool:
    try:
        return instance.data_settings.exists() and repository.head(instance.access()) is not None
    except GitError:
        return False


def make_dataset(instance: Instance, note: Note) -> None:
    access = instance.access()
    if repository.head(access) is None:
        note(f"{instance.settings.dataset.rows:,} rows from seed {instance.settings.dataset.seed}")
        note(repository.seed(access))
    same_settings.remember_data(instance.data_settings, instance.settings)


def succeeds(probe: Callable[[], None]) -> bool:
    try:
        probe()
    except NotYetError:
        return False
    return True
