"""The Airflow of the lock with the local engine's settings: what its checks found, and its API server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.access import AIRFLOW_USER, DAG, LoopbackAccess
from lab.airflow import CLUSTER_POLICY
from lab.airflow.client import PAGE, RUN_ENDED, TASK_ENDED
from lab.config import Settings
from lab.engine.airflow_values import airflow_values, shipped_files
from lab.paths import SOURCE, Paths
from lab.proc import run
from lab.secrets import Secrets, write_private
from lab.services import airflow as services

START = "=>"
BROKEN = "from lab_nothing import step\n"
"""A DAG file that does not load."""
PLACES = ("local", "eks")


@dataclass(frozen=True)
class Airflow:
    """The installed Airflow.

    `outcomes` are the checks in its interpreter: why each does not hold, empty if it does. `errors` say which checks
    could not be loaded and why there is no API server; empty as a rule.
    """

    version: str
    access: LoopbackAccess
    outcomes: dict[str, str]
    errors: str

    def server(self) -> LoopbackAccess:
        """How to reach its API server; the test fails if there is none."""
        assert not self.errors, f"Airflow {self.version} could not be prepared:\n{self.errors}"
        return self.access


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """Airflow with its API server, which is ended after the last test."""
    python = SOURCE / ".lab" / "environments" / "airflow" / "bin" / "python"
    if not python.exists():
        pytest.fail(f"{python} does not exist: `make test-airflow` installs it")
    home = tmp_path_factory.mktemp("airflow") / ".lab"
    access = access_of(home, "http://127.0.0.1:1")
    environment = environment_of(access, python)
    command = [str(python), "-m", "tests.airflow_seams.inside"]
    log = home / "output"
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        try:
            found = first_answer(process, log)
            reached = access_of(home, f"http://127.0.0.1:{found['port']}")
            yield Airflow(found["version"], reached, found["outcomes"], "\n".join(found["errors"]))
        finally:
            process.kill()


def access_of(home: Path, url: str) -> LoopbackAccess:
    """A lab on the local engine of which only Airflow runs."""
    access = LoopbackAccess(
        Paths(SOURCE, home), Settings(), {"airflow": url, "s3": "http://127.0.0.1:2", "git": "http://127.0.0.1:3"}
    )
    for folder in (access.paths.temporary, access.paths.user_home, access.paths.airflow):
        folder.mkdir(parents=True, exist_ok=True)
    Secrets(access.paths.secrets).ensure()
    return access


def environment_of(access: LoopbackAccess, python: Path) -> dict[str, str]:
    """That of the local engine; the repository is a folder, and the cluster policy is active as on Kubernetes."""
    environment = services.environment(access)
    write_private(services.password_file(access.paths), services.passwords(access))
    folder = access.paths.home / "repository"
    commit = fill_repository(folder)
    expected = {
        "dag": DAG,
        "commit": commit,
        "page": PAGE,
        "run_ended": sorted(RUN_ENDED),
        "task_ended": sorted(TASK_ENDED),
        "settings": settings(environment),
        "health_port": health_port(),
    }
    dags = SOURCE / "dags"
    return {
        **environment,
        "PATH": f"{python.parent}:{environment['PATH']}",
        "PYTHONPATH": f"{SOURCE}:{dags}:{CLUSTER_POLICY.parent}",
        "PYTHONPYCACHEPREFIX": str(SOURCE / ".lab" / "cache" / "bytecode"),  # or each session compiles all of Airflow
        "AIRFLOW_CONN_GIT_DEFAULT": json.dumps({"conn_type": "git", "host": str(folder)}),
        "AIRFLOW__CORE__EXECUTOR": "KubernetesExecutor,LocalExecutor",
        "LAB_EXPECTED": json.dumps(expected),
    }


def fill_repository(folder: Path) -> str:
    """Commit the DAGs of the checkout, and one that does not load; return the commit."""
    shutil.copytree(SOURCE / "dags", folder / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "dags" / "broken.py").write_text(f"from airflow.sdk import DAG\n{BROKEN}", "utf-8")
    author = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.invalid"}
    committer = {"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.invalid"}
    environment = {**os.environ, **author, **committer, "GIT_CONFIG_GLOBAL": "/dev/null"}
    for command in (["init", "--quiet", "--initial-branch=main"], ["add", "."], ["commit", "--quiet", "-m", "DAGs"]):
        run(["git", *command], cwd=folder, env=environment, limit=60)
    return run(["git", "rev-parse", "HEAD"], cwd=folder, env=environment, limit=60).stdout.strip()


def settings(environment: dict[str, str]) -> list[tuple[str, str, str]]:
    """Each setting of Airflow that the lab makes on any engine: section, option, and where it is set."""
    named = [name.split("__") for name in environment if name.startswith("AIRFLOW__")]
    found = [(section.lower(), option.lower(), "the local engine") for _, section, option in named]
    files = {file for place in PLACES for file in shipped_files(SOURCE, place, "bundle")}
    values = {file.name: yaml.safe_load(file.read_text("utf-8")) for file in sorted(files)}
    values["airflow_values.py"] = engine_values()
    for name, content in values.items():
        for section, options in content.get("config", {}).items():
            found += [(section, option, name) for option in options]
    return found


def engine_values() -> dict[str, Any]:
    return airflow_values(
        {"airflow": "airflow:1", "gitsync": "gitsync:1"},
        environment={},
        repository_url="",
        sync_url="",
        airflow_url="",
        bucket="",
        parallelism=1,
        max_active_runs=1,
        refresh_seconds=1,
    )


def health_port() -> int:
    """The port that the scheduler's probe connects to."""
    text = (SOURCE / "k8s" / "overlays" / "local" / "airflow-values.yaml").read_text("utf-8")
    found = re.search(r"/dev/tcp/127\.0\.0\.1/(\d+)", text)
    assert found, "the probe of the scheduler names no port"
    return int(found[1])


def first_answer(process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    """What the checks found; the API server listens from then on."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(START.encode()):
            found: dict[str, Any] = json.loads(line.removeprefix(START.encode()))
            return found
    pytest.fail(f"Airflow's interpreter ended before its checks did:\n{log.read_text('utf-8')[-5000:]}")


@pytest.fixture
def login(airflow: Airflow) -> Path:
    """The file from which Airflow reads the password of its user."""
    file = services.password_file(airflow.access.paths)
    assert json.loads(file.read_text("utf-8")).keys() == {AIRFLOW_USER}
    return file
