"""What the local engine runs: each service as data, with its readiness check."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lab.access import AIRFLOW_USER, BRANCH, Access
from lab.airflow import PLUGINS
from lab.config import Settings
from lab.engine.aws_keys import storage_keys
from lab.engine.local.supervisor import Service
from lab.engine.names import API_SERVER, DAG_PROCESSOR, GIT, LOCALSTACK, SCHEDULER, TRIGGERS
from lab.environments import Environment
from lab.paths import Paths
from lab.pipeline.git import isolated_variables
from lab.proc import service_environment

NAMES = (GIT, LOCALSTACK, API_SERVER, SCHEDULER, DAG_PROCESSOR, TRIGGERS)
# The scheduler waits for the tasks that it runs. LocalStack takes long to shut down, and has nothing to lose: what it
# has answered is on disk already.
PATIENCE = {SCHEDULER: 30, LOCALSTACK: 2}
BUNDLE = "lab"


def names(settings: Settings) -> tuple[str, ...]:
    """The services of a lab with these settings."""
    return NAMES if settings.triggers.on_push else tuple(name for name in NAMES if name != TRIGGERS)


def git_service(access: Access, port: int) -> Service:
    environment = service_environment(
        {
            **access.own_variables(),
            "GIT_SERVER_PORT": str(port),
            "GIT_PROJECT_ROOT": str(access.paths.repositories),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GITSYNC_USERNAME": access.git_variables()["GITSYNC_USERNAME"],
            "GITSYNC_PASSWORD": access.secrets["git-password"],
        }
    )
    command = [sys.executable, "-m", "lab.engine.local.git_server"]
    return Service(GIT, command, environment, str(access.paths.home))


def localstack_service(access: Access, port: int) -> Service:
    """LocalStack in host mode: one port on loopback, and every file below `.lab/` (FILESYSTEM_ROOT is its `/`).

    The init hooks of `localstack/` make the bucket durable and require signatures; the other settings are those of
    LocalStack's configuration reference.
    """
    root = localstack_root(access.paths)
    environment = service_environment(
        {
            **access.own_variables(),
            "OVERRIDE_IN_DOCKER": "0",
            "FILESYSTEM_ROOT": str(root),
            "CONFIG_DIR": str(root / "config"),
            "XDG_CACHE_HOME": str(root / "cache"),
            "SERVICES": "s3,sts,iam",
            "EAGER_SERVICE_LOADING": "1",
            "GATEWAY_LISTEN": f"127.0.0.1:{port}",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DISABLE_EVENTS": "1",
            "DNS_ADDRESS": "0",
            "LAB_DURABLE_S3_DIR": str(access.paths.objects),
            **storage_keys(access.secrets),
        }
    )
    python = access.paths.program("localstack", "python")
    return Service(LOCALSTACK, [str(python), "-m", "localstack.runtime.main"], environment, str(root))


def localstack_root(paths: Paths) -> Path:
    return paths.cache / "localstack"


def airflow_environment(access: Access) -> dict[str, str]:
    """For every Airflow process, and for `airflow` in lab-shell.

    Settings are those of Airflow 3.2's configuration reference, as AIRFLOW__SECTION__KEY.
    """
    paths, secrets = access.paths, access.secrets
    bundle = {
        "name": BUNDLE,
        "classpath": "airflow.providers.git.bundles.git.GitDagBundle",
        "kwargs": {
            "git_conn_id": "git_default",
            "tracking_ref": BRANCH,
            "subdir": "dags",
            "refresh_interval": access.settings.airflow.refresh_seconds,
        },
    }
    settings = {
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": str(access.settings.airflow.parallelism),
        "CORE__MAX_ACTIVE_RUNS_PER_DAG": str(access.settings.airflow.max_active_runs),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGBAG_IMPORT_ERROR_TRACEBACK_DEPTH": "100",  # the DAG file's line, also of an error in a library
        "CORE__FERNET_KEY": secrets["airflow-fernet-key"],
        "CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{AIRFLOW_USER}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(password_file(paths.airflow)),
        "CORE__PLUGINS_FOLDER": str(PLUGINS),
        "CORE__EXECUTION_API_SERVER_URL": f"{access.airflow_url}/execution/",
        "API__HOST": "127.0.0.1",
        "API__PORT": access.airflow_url.rsplit(":", 1)[1],
        "API__BASE_URL": access.airflow_url,
        "API__WORKERS": "1",
        "API__SECRET_KEY": secrets["airflow-api-secret"],
        "API_AUTH__JWT_SECRET": secrets["airflow-jwt-secret"],
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database_file(paths.airflow)}",
        "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(paths.airflow / "bundles"),
        "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "2",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
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
            "PATH": f"{paths.environment('airflow') / 'bin'}:{service_environment({})['PATH']}",
            **step_variables(access),
        }
    )


def step_variables(access: Access) -> dict[str, str]:
    """What the DAG's steps need here: the same names as in a pod, where overlays and Secrets set them."""
    return {
        **isolated_variables(access.repository_url),
        **access.git_variables(),
        **access.aws_variables(),
        "PIPELINE_OPERATOR": "process",
        "PIPELINE_STEP_MINUTES": str(access.settings.airflow.step_minutes),
        "PIPELINE_PATH": str(access.paths.environment("worker") / "bin"),
        "PIPELINE_REPOSITORY": access.repository_url,
        "PIPELINE_SHARED_DIR": str(access.paths.shared),
        "PIPELINE_WORKER_DIGEST": Environment(access.paths, "worker").digest(),
    }


def database_file(airflow_home: Path) -> Path:
    return airflow_home / "airflow.db"


def password_file(airflow_home: Path) -> Path:
    return airflow_home / "simple_auth_manager_passwords.json"


def passwords(access: Access) -> str:
    """What `password_file` holds; Airflow reads it at each sign-in."""
    return json.dumps({AIRFLOW_USER: access.secrets["airflow-password"]})


def airflow_services(access: Access) -> dict[str, Service]:
    environment = airflow_environment(access)
    airflow = str(access.paths.program("airflow", "airflow"))
    folder = str(access.paths.airflow)
    commands = {
        API_SERVER: ["api-server"],
        SCHEDULER: ["scheduler", "--skip-serve-logs"],  # its log server would listen beyond loopback
        DAG_PROCESSOR: ["dag-processor"],
    }
    return {
        name: Service(name, [airflow, *arguments], environment, folder, PATIENCE.get(name, 10))
        for name, arguments in commands.items()
    }


def triggers_service(access: Access) -> Service:
    """What starts a run when a user pushes data (lab/triggers), with the worker's packages."""
    paths = access.paths
    environment = {
        **access.own_variables(),
        **isolated_variables(access.repository_url),
        **access.git_variables(),
        "PIPELINE_REPOSITORY": access.repository_url,
        "TRIGGERS_BRANCH": BRANCH,
        "TRIGGERS_AIRFLOW_URL": access.airflow_url,
        "TRIGGERS_LOGIN_FILE": str(password_file(paths.airflow)),
        "TRIGGERS_SECONDS": str(access.settings.triggers.poll_seconds),
        "TRIGGERS_FOLDER": str(paths.triggers / "clone.git"),
        "TRIGGERS_STATE_FILE": str(paths.triggers / "state"),
    }
    command = [str(paths.program("worker", "python")), "-m", "lab.triggers"]
    return Service(TRIGGERS, command, service_environment(environment), str(paths.home))
