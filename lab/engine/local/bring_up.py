"""The phases of `lab up` on the local engine.

Everything that can go on at the same time does: the environments are installed beside each other, and the dataset is
made while Airflow starts. Each phase can be cut off at any instruction and run again.
"""

from __future__ import annotations

import functools
import json
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from lab.access import AIRFLOW_USER, DAG, Access
from lab.components import repository, storage
from lab.components.airflow import Airflow
from lab.engine.local import environments, ports, processes, services
from lab.engine.local.services import API_SERVER, DAG_PROCESSOR, GIT, LOCALSTACK, SCHEDULER
from lab.engine.local.supervisor import Service
from lab.engine.phases import Note, Phase
from lab.errors import LabError, NotRunningError, ServiceError, SettingsError
from lab.paths import Paths
from lab.pins import ENVIRONMENTS
from lab.pipeline.git import GitError
from lab.proc import run, service_environment
from lab.secrets import write_private
from lab.wait import NotYetError, wait_until

if TYPE_CHECKING:
    from lab.engine.local.engine import LocalEngine

START_LIMIT = 120


def phases(engine: LocalEngine) -> list[Phase]:
    """The visible list. `done` and `apply` are looked up below, one pair per phase."""
    bind = functools.partial
    installs = [
        Phase(
            f"environment-{name}",
            f"Installing the {name} environment",
            environments.LIMIT,
            engine.environment(name).is_current,
            bind(install, engine, name),
        )
        for name in ENVIRONMENTS
    ]
    return [
        *installs,
        Phase("supervisor", "Starting the process supervisor", 30,
              bind(supervisor_runs, engine), bind(start_supervisor, engine)),
        Phase("git", "Starting the Git server", START_LIMIT,
              bind(git_done, engine), bind(start_git, engine), ("supervisor",)),
        Phase("storage", "Starting LocalStack (S3, STS, IAM)", START_LIMIT,
              bind(storage_done, engine), bind(start_storage, engine), ("supervisor", "environment-localstack")),
        Phase("database", "Migrating Airflow's database", START_LIMIT,
              bind(database_done, engine), bind(migrate, engine), ("supervisor", "environment-airflow")),
        Phase("dataset", "Making the repository and version 1 of the dataset", START_LIMIT,
              bind(dataset_done, engine), bind(make_dataset, engine), ("git", "storage", "environment-worker")),
        Phase("airflow", "Starting Airflow", START_LIMIT,
              bind(airflow_done, engine), bind(start_airflow, engine), ("database",)),
        Phase("dags", "Loading the DAGs from the repository", START_LIMIT,
              bind(dags_done, engine), bind(load_dags, engine), ("database", "dataset")),
    ]  # fmt: skip


def require_same_settings(engine: LocalEngine) -> None:
    """Refuse to bring up a running lab, or one with data, with settings that it was not made with.

    Raises:
        SettingsError: each difference, with both values and the command that resolves it.
    """
    asked = engine.settings.model_dump(mode="json", exclude={"engine"})
    running = engine.paths.run / "settings.json"
    if engine.supervisor().process() is not None and running.exists():
        refuse_changes(
            json.loads(running.read_text("utf-8")), asked, "the lab is up", "make lab-down, then make lab-up"
        )
    made = engine.paths.data / "made-with.json"
    if made.exists():
        parts = {name: asked[name] for name in ("dataset", "storage")}
        refuse_changes(
            json.loads(made.read_text("utf-8")), parts, "the lab's data was made",
            "make lab-down PURGE=1 removes the data, the next make lab-up makes it anew",
        )  # fmt: skip


def refuse_changes(
    before: dict[str, dict[str, object]], asked: dict[str, dict[str, object]], what: str, hint: str
) -> None:
    changes = [
        f"{section}.{key} = {before.get(section, {}).get(key)!r}, asked for {value!r}"
        for section, values in asked.items()
        for key, value in values.items()
        if before.get(section, {}).get(key) != value
    ]
    if changes:
        raise SettingsError(f"{what} with other settings: {'; '.join(changes)}", hint)


def install(engine: LocalEngine, name: str, note: Note) -> None:
    note("from its lock; seconds when the packages are cached")
    engine.environment(name).make()


def supervisor_runs(engine: LocalEngine) -> bool:
    return engine.supervisor().process() is not None


def start_supervisor(engine: LocalEngine, note: Note) -> None:
    if processes.end_all(engine.paths.home):
        note("ended processes that an earlier lab left behind")
    for folder in (engine.paths.run, engine.paths.temporary, engine.paths.shared, engine.paths.bin):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine.paths.aws_configuration.touch()
    engine.make_access().secrets.ensure()
    ports.settle(engine.port_file, engine.settings.ports)
    write_private(engine.paths.run / "settings.json", engine.settings.model_dump_json())
    link_programs(engine)
    engine.supervisor().start(service_environment(engine.make_access().own_variables()))


def link_programs(engine: LocalEngine) -> None:
    """What lab-shell offers: the lab's own programs under their usual names."""
    for environment, name in (("worker", "dvc"), ("airflow", "airflow"), ("lab", "aws")):
        link = engine.paths.bin / name
        link.unlink(missing_ok=True)
        link.symlink_to(engine.paths.program(environment, name))
    wrapper = engine.paths.bin / "lab"
    wrapper.write_text(f'#!/bin/sh\nexec "{engine.paths.source}/lab/bootstrap.sh" "$@"\n', "utf-8")
    wrapper.chmod(0o755)


def start(engine: LocalEngine, service: Service) -> float:
    """Have the service run and return when it was started (seconds since 1970)."""
    supervisor = engine.supervisor()
    supervisor.ensure(service)
    return float(supervisor.states()[service.name].get("start") or time.time())


def wait_for(engine: LocalEngine, name: str, probe: Note | functools.partial[None], what: str) -> None:
    """Wait for a probe of a service; one that keeps dying ends the wait at once, with its last lines."""

    def watched() -> None:
        failed = engine.supervisor().failed(name)
        if failed:
            raise ServiceError(failed, f"make lab-logs SERVICE={name}", engine.supervisor().last_lines(name))
        probe()  # type: ignore[call-arg]

    wait_until(
        watched, what=what, limit=START_LIMIT, hint=f"make lab-logs SERVICE={name}",
        detail=lambda: engine.supervisor().last_lines(name),
    )  # fmt: skip


def git_done(engine: LocalEngine) -> bool:
    access = engine.make_access()
    service = services.git_service(access, ports.read(engine.port_file)["git"])
    return repository.is_bare(access) and engine.supervisor().is_current(service) and not trouble(access, GIT)


def start_git(engine: LocalEngine, _: Note) -> None:
    access = engine.make_access()
    repository.ensure_bare(access)
    start(engine, services.git_service(access, ports.read(engine.port_file)["git"]))
    wait_for(engine, GIT, functools.partial(answers, f"{access.git_url}/healthz"), "the Git server")


def storage_done(engine: LocalEngine) -> bool:
    access = engine.make_access()
    service = services.localstack_service(access, ports.read(engine.port_file)["s3"])
    return engine.supervisor().is_current(service) and not trouble(access, LOCALSTACK)


def start_storage(engine: LocalEngine, _: Note) -> None:
    access = engine.make_access()
    service = services.localstack_service(access, ports.read(engine.port_file)["s3"])
    prepare_localstack(engine.paths, service)
    start(engine, service)
    wait_for(engine, LOCALSTACK, functools.partial(bucket_answers, access), "LocalStack")
    storage.ensure_bucket(access)


def prepare_localstack(paths: Paths, service: Service) -> None:
    """The folders that LocalStack takes for its machine's, and our init hooks where it looks for them."""
    root = services.localstack_root(paths)
    hooks = root / "etc" / "localstack" / "init"
    for folder in (paths.objects, hooks.parent, root / "var" / "lib"):
        folder.mkdir(parents=True, exist_ok=True)
    hooks.unlink(missing_ok=True)
    hooks.symlink_to(paths.source / "localstack" / "init")
    catalogue = root / "usr" / "lib" / "localstack"
    if not any(catalogue.glob("service-catalog-*")):
        # Made beforehand, or LocalStack makes it at its first start and keeps 400 MB of memory for it.
        catalogue.mkdir(parents=True, exist_ok=True)
        run([service.command[0], "-m", "localstack.aws.spec"], env=service.environment, cwd=root, limit=START_LIMIT)


def bucket_answers(access: Access) -> None:
    storage.bucket_exists(access)


def database_stamp(engine: LocalEngine) -> tuple[str, str]:
    file = engine.paths.airflow / "migrated"
    return (file.read_text("utf-8") if file.exists() else "", engine.environment("airflow").wanted())


def database_done(engine: LocalEngine) -> bool:
    migrated, wanted = database_stamp(engine)
    return migrated == wanted


def migrate(engine: LocalEngine, _: Note) -> None:
    access = engine.make_access()
    for name in (API_SERVER, SCHEDULER, DAG_PROCESSOR):
        engine.supervisor().stop(name)
    engine.paths.airflow.mkdir(parents=True, exist_ok=True, mode=0o700)
    password = json.dumps({AIRFLOW_USER: access.secrets["airflow-password"]})
    write_private(services.password_file(engine.paths.airflow), password)
    program = engine.paths.program("airflow", "airflow")
    environment = services.airflow_environment(access)
    run([program, "db", "migrate"], env=environment, cwd=engine.paths.airflow, limit=START_LIMIT)
    (engine.paths.airflow / "migrated").write_text(engine.environment("airflow").wanted(), "utf-8")


def dataset_done(engine: LocalEngine) -> bool:
    return (engine.paths.data / "made-with.json").exists() and repository.head(engine.make_access()) is not None


def make_dataset(engine: LocalEngine, note: Note) -> None:
    access = engine.make_access()
    if repository.head(access) is None:
        note(f"{engine.settings.dataset.rows:,} rows from seed {engine.settings.dataset.seed}")
        note(repository.seed(access))
    made = engine.settings.model_dump(mode="json", include={"dataset", "storage"})
    write_private(engine.paths.data / "made-with.json", json.dumps(made))


def airflow_done(engine: LocalEngine) -> bool:
    access = engine.make_access()
    wanted = [s for name, s in services.airflow_services(access).items() if name != DAG_PROCESSOR]
    return all(engine.supervisor().is_current(service) for service in wanted) and not trouble(access, API_SERVER)


def start_airflow(engine: LocalEngine, _: Note) -> None:
    """Start the API server and the scheduler; the DAG processor follows when there is a repository to read."""
    described = services.airflow_services(engine.make_access())
    for name in (API_SERVER, SCHEDULER):
        start(engine, described[name])
    url = f"{engine.make_access().airflow_url}/api/v2/version"
    wait_for(engine, API_SERVER, functools.partial(answers, url), "Airflow's API server")


def dags_done(engine: LocalEngine) -> bool:
    access = engine.make_access()
    wanted = services.airflow_services(access)[DAG_PROCESSOR]
    return (
        engine.supervisor().is_current(wanted) and not trouble(access, SCHEDULER) and not trouble(access, DAG_PROCESSOR)
    )


def load_dags(engine: LocalEngine, _: Note) -> None:
    access = engine.make_access()
    since = start(engine, services.airflow_services(access)[DAG_PROCESSOR])
    wait_for(engine, DAG_PROCESSOR, functools.partial(dags_loaded, access, since), "Airflow")


def dags_loaded(access: Access, since: float) -> None:
    """Healthy, and the pipeline is there to be run."""
    try:
        with Airflow(access) as airflow:
            airflow.require_healthy(since - 1)
            errors = airflow.import_errors()
            if errors:
                raise NotYetError(f"DAG import error: {errors[0]}")
            if airflow.dag() is None:
                raise NotYetError(f"the DAG {DAG} is not parsed yet")
    except (NotRunningError, ServiceError) as error:
        raise NotYetError(error.message) from error


def answers(url: str) -> None:
    """Return if `url` answers with a status below 400; NotYetError else."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5):
            return
    except (urllib.error.URLError, OSError) as error:
        raise NotYetError(f"{url}: {error}") from error


def trouble(access: Access, name: str) -> str:
    """Why a running service is not healthy, or nothing."""
    try:
        if name == GIT:
            repository.head(access)
        elif name == LOCALSTACK:
            if not storage.bucket_exists(access):
                return f"the bucket {access.settings.storage.bucket} is missing"
        elif name == API_SERVER:
            answers(f"{access.airflow_url}/api/v2/version")
        else:
            part = {SCHEDULER: "scheduler", DAG_PROCESSOR: "dag_processor"}[name]
            with Airflow(access) as airflow:
                status = (airflow.health().get(part) or {}).get("status")
            return "" if status == "healthy" else f"Airflow reports it {status or 'absent'}"
    except NotYetError as error:
        return str(error)
    except (LabError, GitError) as error:
        return error.message
    return ""
