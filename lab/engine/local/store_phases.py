"""The phases of the stores: the Git server, LocalStack, and the dataset's first version in both."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

from lab.components import repository, storage
from lab.engine import dataset
from lab.engine.health import answers, bucket_answers
from lab.engine.local import services
from lab.engine.local.instance import START_LIMIT, Instance
from lab.engine.local.supervisor import Service
from lab.engine.names import GIT, LOCALSTACK
from lab.engine.phases import Note, Phase
from lab.paths import Paths
from lab.proc import held, run


def phases(instance: Instance) -> list[Phase]:
    """All of them; they need the phases `supervisor` and `environment-…`."""
    return [git(instance), stores(instance), dataset.dataset(instance, START_LIMIT)]


def git(instance: Instance) -> Phase:
    def done() -> bool:
        access = instance.access()
        service = services.git_service(access, instance.port("git"))
        return repository.is_bare(access) and instance.supervisor().is_current(service) and not instance.trouble(GIT)

    def start(_: Note) -> None:
        access = instance.access()
        repository.ensure_bare(access)
        instance.start(services.git_service(access, instance.port("git")))
        instance.wait_for(GIT, functools.partial(answers, f"{access.git_url}/healthz"), "the Git server")

    return Phase("git", "Starting the Git server", START_LIMIT, done, start, ("supervisor",))


def stores(instance: Instance) -> Phase:
    def done() -> bool:
        service = services.localstack_service(instance.access(), instance.port("s3"))
        return instance.supervisor().is_current(service) and not instance.trouble(LOCALSTACK)

    def start(_: Note) -> None:
        access = instance.access()
        service = services.localstack_service(access, instance.port("s3"))
        prepare_localstack(instance.paths, service)
        instance.start(service)
        instance.wait_for(LOCALSTACK, functools.partial(bucket_answers, access), "LocalStack")
        storage.ensure_bucket(access)

    needs = ("supervisor", "environment-localstack")
    return Phase("storage", "Starting LocalStack (S3, STS, IAM)", START_LIMIT, done, start, needs)


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
