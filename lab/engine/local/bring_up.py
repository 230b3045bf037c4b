"""The phases of `lab up` on the local engine.

Phases run in parallel where possible: the environments are installed in parallel, and the dataset is made while
Airflow starts. Each phase can be interrupted at any instruction and run again.
"""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable

from lab import uv
from lab.engine import ports, same_settings
from lab.engine.local import airflow_phases as airflow
from lab.engine.local import store_phases as stores
from lab.engine.local.instance import START_LIMIT, Instance
from lab.engine.phases import Note, Phase
from lab.pins import ENVIRONMENTS
from lab.proc import service_environment

Check = Callable[[Instance], bool]
Apply = Callable[[Instance, Note], None]

SERVICES: list[tuple[str, str, Check, Apply, tuple[str, ...]]] = [
    ("git", "Starting the Git server", stores.git_done, stores.start_git, ("supervisor",)),
    (
        "storage",
        "Starting LocalStack (S3, STS, IAM)",
        stores.storage_done,
        stores.start_storage,
        ("supervisor", "environment-localstack"),
    ),
    (
        "database",
        "Migrating Airflow's database",
        airflow.database_done,
        airflow.migrate,
        ("supervisor", "environment-airflow"),
    ),
    (
        "dataset",
        "Making the repository and version 1 of the dataset",
        stores.dataset_done,
        stores.make_dataset,
        ("git", "storage", "environment-worker"),
    ),
    ("airflow", "Starting Airflow", airflow.airflow_done, airflow.start_airflow, ("database",)),
    (
        "dags",
        "Loading the DAGs from the repository",
        airflow.dags_done,
        airflow.load_dags,
        ("database", "dataset"),
    ),
]
TRIGGERS: tuple[str, str, Check, Apply, tuple[str, ...]] = (
    "triggers",
    "Watching for pushes",
    airflow.triggers_done,
    airflow.start_triggers,
    ("airflow", "dataset"),
)


def phases(instance: Instance) -> list[Phase]:
    """The list of phases. Each phase's `done` and `apply` are in the same file."""
    installs = [
        Phase(
            f"environment-{name}",
            f"Installing the {name} environment",
            uv.LIMIT,
            instance.environment(name).is_current,
            functools.partial(install, instance, name),
            installs=True,
        )
        for name in ENVIRONMENTS
    ]
    supervisor = Phase(
        "supervisor",
        "Starting the process supervisor",
        30,
        instance.is_up,
        functools.partial(start_supervisor, instance),
    )
    wanted = [*SERVICES, TRIGGERS] if instance.settings.triggers.on_push else SERVICES
    services = [
        Phase(name, title, START_LIMIT, functools.partial(done, instance), functools.partial(apply, instance), needs)
        for name, title, done, apply, needs in wanted
    ]
    return [*installs, supervisor, *services]


def install(instance: Instance, name: str, note: Note) -> None:
    note("from its lock; seconds when the packages are cached")
    instance.environment(name).make()


def start_supervisor(instance: Instance, _: Note) -> None:
    for folder in (instance.paths.run, instance.paths.temporary, instance.paths.shared, instance.paths.bin):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    instance.paths.aws_configuration.touch()
    instance.access().secrets.ensure()
    ports.settle(instance.port_file, instance.settings.ports)
    same_settings.remember_running(instance.running_settings, instance.settings)
    link_programs(instance)
    instance.supervisor().start(service_environment(instance.access().own_variables()))


def link_programs(instance: Instance) -> None:
    """What lab-shell offers: the lab's own programs under their usual names."""
    for environment, name in (("worker", "dvc"), ("airflow", "airflow"), ("lab", "aws")):
        link = instance.paths.bin / name
        link.unlink(missing_ok=True)
        link.symlink_to(instance.paths.program(environment, name))
    wrapper = instance.paths.bin / "lab"
    bootstrap = shlex.quote(str(instance.paths.source / "lab" / "bootstrap.sh"))
    wrapper.write_text(f'#!/bin/sh\nexec sh {bootstrap} "$@"\n', "utf-8")
    wrapper.chmod(0o755)
