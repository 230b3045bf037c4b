"""The phases of the stores: the Git server, LocalStack, and the dataset's first version in both."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

from lab.components import repository, storage
from lab.engine import same_settings
from lab.engine.health import answers, bucket_answers
from lab.engine.local import services
from lab.engine.local.instance import START_LIMIT, Instance
from lab.engine.local.supervisor import Service
from lab.engine.names import GIT, LOCALSTACK
from lab.engine.phases import Note
from lab.paths import Paths
from lab.proc import held, run


def git_done(instance: Instance) -> bool:
    access = instance.access()
    service = services.git_service(access, instance.port("git"))
    return repository.is_bare(access) and instance.supervisor().is_current(service) and not instance.trouble(GIT)


def start_git(instance: Instance, _: Note) -> None:
    access = instance.access()
    repository.ensure_bare(access)
    instance.start(services.git_service(access, instance.port("git")))
    instance.wait_for(GIT, functools.partial(answers, f"{access.git_url}/healthz"), "the Git server")


def storage_done(instance: Instance) -> bool:
    access = instance.access()
    service = services.localstack_service(access, instance.port("s3"))
    return instance.supervisor().is_current(service) and not instance.trouble(LOCALSTACK)


def start_storage(instance: Instance, _: Note) -> None:
    access = instance.access()
    service = services.localstack_service(access, instance.port("s3"))
    prepare_localstack(instance.paths, service)
    instance.start(service)
    instance.wait_for(LOCALSTACK, functools.partial(bucket_answers, access), "LocalStack")
    storage.ensure_bucket(access)


def prepare_localstack(paths: Paths, service: Service) -> None:
    """The folders that LocalStack uses as the root of its machine, with our init hooks where it looks for them."""
    root = services.localstack_root(paths)
    hooks = root / "etc" / "localstack" / "init"
    for folder in (paths.objects, hooks.parent, root / "var" / "lib"):
        folder.mkdir(parents=True, exist_ok=True)
    hooks.unlink(missing_ok=True)
    hooks.symlink_to(paths.source / "localstack" / "init")
    with held(root / "catalogue.lock") as lock:
        make_catalogue(root, service, lock)


def make_catalogue(root: Path, service: Service, lock: int) -> None:
    """LocalStack's index of AWS APIs; if LocalStack creates it at startup, it keeps 400 MB of memory for that."""
    catalogue = root / "usr" / "lib" / "localstack"
    stamp = catalogue / "made"
    if stamp.exists():
        return
    shutil.rmtree(catalogue, ignore_errors=True)  # left incomplete by an interrupted attempt: the program refuses it
    catalogue.mkdir(parents=True)
    command = [service.command[0], "-m", "localstack.aws.spec"]
    run(command, env=service.environment, cwd=root, limit=START_LIMIT, inherit=[lock])
    stamp.touch()


def dataset_done(instance: Instance) -> bool:
    return instance.data_settings.exists() and repository.head(instance.access()) is not None


def make_dataset(instance: Instance, note: Note) -> None:
    access = instance.access()
    if repository.head(access) is None:
        note(f"{instance.settings.dataset.rows:,} rows from seed {instance.settings.dataset.seed}")
        note(repository.seed(access))
    same_settings.remember_data(instance.data_settings, instance.settings)
