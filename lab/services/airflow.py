"""Airflow's three processes. In a cluster they are components of its official chart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lab.services.generate import fernet_key, token
from lab.services.image import UNCHANGED, Image
from lab.services.probes import answers, secret_file
from lab.services.record import PIPELINE, Check, Port, Process, Secret, Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.access import Access
    from lab.paths import Paths

API_SERVER, SCHEDULER, DAG_PROCESSOR = "airflow-api-server", "airflow-scheduler", "airflow-dag-processor"
ENVIRONMENT = "airflow"
SECRETS = (
    Secret("airflow-password", "signs the user admin in to Airflow", token(15)),
    Secret("airflow-jwt-secret", "signs the tokens of Airflow's API", token(48)),
    Secret("airflow-api-secret", "signs the sessions of Airflow's web server", token(32)),
    Secret("airflow-fernet-key", "encrypts Airflow's connections and variables in its database", fernet_key),
)
SHARED = (
    "core.dagbag_import_error_traceback_depth",
    "core.auth_manager",
    "core.simple_auth_manager_users",
    "api.workers",
    "dag_processor.bundle_refresh_check_interval",
    "dag_processor.parsing_processes",
)
"""The settings of Airflow that both engines configure alike; the Helm values of the cluster have them."""


def shared_settings() -> dict[str, str]:
    """The settings in SHARED, as SECTION__KEY."""
    from lab.manifests import values

    config: dict[str, dict[str, object]] = {}
    for file in ("base/airflow-values.yaml", "overlays/local/airflow-values.yaml"):
        for section, settings in values(file)["config"].items():
            config.setdefault(section, {}).update(settings)
    pairs = (name.split(".") for name in SHARED)
    return {f"{section}__{key}".upper(): str(config[section][key]) for section, key in pairs}


def bundle(refresh_seconds: int) -> str:
    """The Git bundle, as DAG_BUNDLE_CONFIG_LIST: that of the cluster, which gets the interval by another setting."""
    from lab.manifests import values

    (found,) = values("base/dags-bundle-values.yaml")["dagProcessor"]["dagBundleConfigList"]
    return json.dumps([{**found, "kwargs": {**found["kwargs"], "refresh_interval": refresh_seconds}}])


def environment(access: Access) -> dict[str, str]:
    """For every Airflow process, and for `airflow` in lab-shell.

    Settings are those of Airflow 3.2's configuration reference, as AIRFLOW__SECTION__KEY.
    """
    from lab.airflow import PLUGINS
    from lab.proc import service_environment

    paths, secrets, url = access.paths, access.secrets, access.url("airflow")
    settings = {
        **shared_settings(),
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": str(access.settings.airflow.parallelism),
        "CORE__MAX_ACTIVE_RUNS_PER_DAG": str(access.settings.airflow.max_active_runs),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__FERNET_KEY": secrets["airflow-fernet-key"],
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(password_file(paths)),
        "CORE__PLUGINS_FOLDER": str(PLUGINS),
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "API__HOST": "127.0.0.1",
        "API__PORT": url.rsplit(":", 1)[1],
        "API__BASE_URL": url,
        "API__SECRET_KEY": secrets["airflow-api-secret"],
        "API_AUTH__JWT_SECRET": secrets["airflow-jwt-secret"],
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database_file(paths)}",
        "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": bundle(access.settings.airflow.refresh_seconds),
        "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(paths.airflow / "bundles"),
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
        "LOGGING__BASE_LOG_FOLDER": str(paths.logs / "airflow"),
        "LOGGING__COLORED_CONSOLE_LOG": "False",
    }
    return service_environment(
        {
            **access.own_variables(),
            **{f"AIRFLOW__{name}": value for name, value in settings.items()},
            "AIRFLOW_HOME": str(paths.airflow),
            # macOS kills a forked child that touches its frameworks; Airflow's documentation requires this there.
            "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",
            # Without login and password here: GitHook would put them into the URL. The credential helper has them.
            "AIRFLOW_CONN_GIT_DEFAULT": json.dumps({"conn_type": "git", "host": access.repository_url}),
            "PATH": f"{paths.environment(ENVIRONMENT) / 'bin'}:{service_environment({})['PATH']}",
            **step_variables(access),
        }
    )


def step_variables(access: Access) -> dict[str, str]:
    """What the DAG's steps need here: the same names as in a pod, where overlays and Secrets set them."""
    from lab.environments import Environment
    from lab.pipeline.git import isolated_variables

    return {
        **isolated_variables(access.repository_url),
        **access.git_variables(),
        **access.aws_variables(),
        "PIPELINE_OPERATOR": "process",
        "PIPELINE_STEP_MINUTES": str(access.settings.airflow.step_minutes),
        "PIPELINE_PATH": str(access.paths.environment(PIPELINE) / "bin"),
        "PIPELINE_REPOSITORY": access.repository_url,
        "PIPELINE_SHARED_DIR": str(access.paths.shared),
        "PIPELINE_WORKER_DIGEST": Environment(access.paths, PIPELINE).digest(),
    }


def database_file(paths: Paths) -> Path:
    return paths.airflow / "airflow.db"


def password_file(paths: Paths) -> Path:
    return paths.airflow / "simple_auth_manager_passwords.json"


def passwords(access: Access) -> str:
    """What `password_file` holds; Airflow reads it at each sign-in."""
    from lab.access import AIRFLOW_USER

    return json.dumps({AIRFLOW_USER: access.secrets["airflow-password"]})


def program(*arguments: str) -> Callable[[Access], list[str]]:
    return lambda access: [str(access.paths.program(ENVIRONMENT, "airflow")), *arguments]


def folder(access: Access) -> Path:
    return access.paths.airflow


def api_answers(access: Access, _: float = 0) -> None:
    answers(f"{access.url('airflow')}/api/v2/version")


def reported_healthy(component: str) -> Check:
    """A probe: Airflow's API reports this component as healthy."""

    def probe(access: Access) -> None:
        from lab.airflow.client import Airflow
        from lab.wait import NotYetError

        with Airflow(access) as airflow:
            status = (airflow.health().get(component) or {}).get("status")
        if status != "healthy":
            raise NotYetError(f"Airflow reports it {status or 'absent'}")

    return probe


def dags_loaded(access: Access, since: float) -> None:
    from lab.engine.health import dags_loaded

    dags_loaded(access, since)


def note(access: Access) -> str:
    return f"user admin, password in {secret_file(access, 'airflow-password')}"


SERVICES = (
    Service(
        name=API_SERVER,
        role="airflow",
        what="Airflow",
        port=Port("airflow", 8080, "Airflow", note),
        secrets=SECRETS,
        images=(
            Image(ENVIRONMENT, environment=ENVIRONMENT, owner="50000:0", pulled=UNCHANGED),
            Image("gitsync", owner="65533:0", pulled=UNCHANGED),
        ),
        process=Process(program("api-server"), environment, folder, api_answers, packages=ENVIRONMENT),
        component="api-server",
        values=("apiServer", "service"),
        probe=api_answers,
        needs=("database", "git", "localstack", "pod-identity"),
    ),
    Service(
        name=SCHEDULER,
        role="airflow",
        what="Airflow",
        # Its log server would listen beyond loopback. It waits for the tasks that it runs.
        process=Process(
            program("scheduler", "--skip-serve-logs"),
            environment,
            folder,
            api_answers,
            packages=ENVIRONMENT,
            patience=30,
        ),
        component="scheduler",
        probe=reported_healthy("scheduler"),
        reported_by=API_SERVER,
        needs=(API_SERVER,),
    ),
    Service(
        name=DAG_PROCESSOR,
        role="dags",
        what="Airflow",
        title="Loading the DAGs from the repository",
        process=Process(program("dag-processor"), environment, folder, dags_loaded, packages=ENVIRONMENT),
        component="dag-processor",
        probe=reported_healthy("dag_processor"),
        reported_by=API_SERVER,
        needs=(API_SERVER,),
    ),
)
