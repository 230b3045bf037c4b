"""The role's credentials as pods have them, and the programs that use them: real DVC, and Airflow's own log writer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.components.repository import DVC_CONFIG
from lab.paths import Paths
from lab.proc import Completed, run, service_environment
from tests.policy.amazon import BUCKET, REGION, Amazon, running

LIMIT = 120
TASK_LOG = Path(__file__).with_name("task_log.py")


@pytest.fixture(scope="module")
def amazon() -> Iterator[Amazon]:
    """A server for each file of tests, which starts with nothing in it."""
    with running() as found:
        yield found


@dataclass(frozen=True)
class Pod:
    """What a step of the pipeline and a worker of Airflow have: the role's credentials, and a separate folder."""

    folder: Path
    environment: dict[str, str]

    def dvc(self, *arguments: str, check: bool = True) -> Completed:
        command: list[str | Path] = [program("worker", "dvc"), *arguments]
        return run(command, env=self.environment, cwd=self.folder, limit=LIMIT, check=check)

    def write(self, name: str, content: bytes) -> str:
        """A file under DVC; the key of the object that it is to be."""
        (self.folder / name).write_bytes(content)
        self.dvc("add", "--quiet", name)
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return f"dvc/files/md5/{md5[:2]}/{md5[2:]}"

    def task_log(self, *lines: str) -> list[str]:
        """Each line written to one task's log by Airflow, the second beside the first; what its reader shows then."""
        command: list[str | Path] = [program("airflow", "python"), TASK_LOG, BUCKET, *lines]
        done = run(command, env=self.environment, cwd=self.folder, limit=LIMIT)
        shown: list[str] = json.loads(done.stdout.splitlines()[-1])
        return shown


def program(environment: str, name: str) -> Path:
    file = Paths.of().program(environment, name)
    if not file.exists():
        pytest.fail(f"the environment {environment} is not installed: `make test-policy` does that")
    return file


def make_pod(amazon: Amazon, keys: dict[str, str], folder: Path) -> Pod:
    """A pod with these credentials, and a DVC repository with the lab's own configuration as its folder."""
    configuration = folder / "aws-configuration"
    configuration.touch()
    environment = service_environment(
        {
            **{name.upper(): value for name, value in keys.items()},
            "AWS_ENDPOINT_URL": amazon.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(configuration),
            "AWS_SHARED_CREDENTIALS_FILE": str(configuration),
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
            "AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID": "aws_default",
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(folder / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(folder / "global"),
            "DVC_SYSTEM_CONFIG_DIR": str(folder / "system"),
            "HOME": str(folder),
        }
    )
    found = Pod(folder / "repository", environment)
    found.folder.mkdir()
    run(["git", "init", "--quiet"], env=environment, cwd=found.folder, limit=LIMIT)
    found.dvc("init", "--quiet")
    (found.folder / ".dvc" / "config").write_text(DVC_CONFIG.format(remote=f"s3://{BUCKET}/dvc"), "utf-8")
    return found
