"""The worker's image as the pods of a run use it: each step in its own container, configured by variables."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.components import storage
from lab.components.repository import DVC_CONFIG
from lab.docker import docker
from lab.proc import Completed
from tests.containers.conftest import fetched, make_repository
from tests.containers.stack import Stack

DATASET = "datasets/employees.csv"
ROWS = 300
SEED = f"""\
git clone --quiet "$PIPELINE_REPOSITORY" /tmp/work 2>/dev/null && cd /tmp/work
git symbolic-ref HEAD refs/heads/main
mkdir .dvc datasets && printf %s "$DVC_CONFIG" > .dvc/config
python -m lab.pipeline.seed {DATASET} {ROWS} 1
git add .dvc/config datasets && git commit --quiet --message "Version 1" && git push --quiet origin main
"""
LIKE_A_POD = ("--memory", "512m", "--user", "1000:1000", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
MEMORY = 64
"""MiB, and a file twice as large: as 1 GB is to the 512 MiB of a step, and quicker."""
LARGE = """\
import hashlib, pathlib
from lab.pipeline.append import append_rows
from lab.pipeline.synthetic import generate
file = pathlib.Path("/shared/large.csv")
generate(file, 1_000_000)
size = file.stat().st_size
with file.open("rb") as stream:
    md5 = hashlib.file_digest(stream, "md5").hexdigest()
print(size, append_rows(file, 1, "large", md5, size).rows_after)
"""


@pytest.fixture(scope="module")
def shared(stack: Stack) -> Iterator[str]:
    """The option that mounts a volume as the claim `airflow-shared-pvc` is mounted."""
    name = f"{stack.project}_shared"
    docker("volume", "create", "--label", f"lab.test={stack.project}", name)
    yield f"--volume={name}:/shared"
    docker("volume", "rm", "--force", name)


@pytest.fixture(scope="module")
def repository(stack: Stack, shared: str) -> str:
    """A repository with version 1 of a dataset."""
    name = make_repository(stack)
    made = Steps(stack, shared, name).run("sh", "-euc", SEED)
    assert made.status == 0, made
    return name


@pytest.fixture
def steps(stack: Stack, shared: str, repository: str) -> Steps:
    return Steps(stack, shared, repository)


@dataclass(frozen=True)
class Steps:
    """One run's steps."""

    stack: Stack
    shared: str
    repository: str
    identity: str = field(default_factory=lambda: f"test-{secrets.token_hex(4)}")

    def __call__(self, name: str, **changes: str) -> Completed:
        return self.run("python", "-m", "lab.pipeline", name, **changes)

    def run(self, *command: str, **changes: str) -> Completed:
        """Run a command in the environment that Secrets and the ConfigMap give to pods, with `changes`."""
        access = self.stack.access
        run = {
            "PIPELINE_RUN_ID": self.identity,
            "PIPELINE_DAG_ID": "dataset_pipeline",
            "PIPELINE_RUN_DATE": "2026-01-31",
            "PIPELINE_BRANCH": "main",
            "PIPELINE_DATASET": DATASET,
            "PIPELINE_ROWS": "2",
            "PIPELINE_SHARED_DIR": "/shared",
            "PIPELINE_REPOSITORY": f"{access.url('git')}/{self.repository}",
            "DVC_CONFIG": DVC_CONFIG.format(remote=access.remote_url),
        }
        variables = {**self.stack.inside(), **run, **changes}
        return self.stack.run(
            "worker", *command, variables=variables, options=(*LIKE_A_POD, self.shared), check=False
        )  # fmt: skip


def test_three_containers_make_one_version(stack: Stack, steps: Steps, tmp_path: Path) -> None:
    for name in ("pull", "modify", "push"):
        done = steps(name)
        assert done.status == 0, done
    found = fetched(stack, steps.repository, tmp_path / "found")
    trailers = dict(line.split(": ", 1) for line in found.out("log", "-1", "--format=%(trailers)").splitlines() if line)
    assert (trailers["Data-Rows"], trailers["Data-Rows-Added"]) == (str(ROWS + 2), "2")
    assert storage.object_size(stack.access, trailers["Data-Md5"]) == int(trailers["Data-Size"])
    assert found.out("rev-list", "--count", "HEAD") == "2"
    assert stack.run("worker", "ls", "/shared/runs", options=(steps.shared,)).stdout == ""


def test_a_wrong_parameter_ends_with_64_and_names_it(steps: Steps) -> None:
    done = steps("pull", PIPELINE_ROWS="many")
    assert done.status == 64
    assert done.stderr.startswith("error: PIPELINE_ROWS is 'many'")


def test_a_dataset_that_is_not_there_ends_with_65_and_is_named(steps: Steps) -> None:
    done = steps("pull", PIPELINE_DATASET="datasets/other.csv")
    assert done.status == 65
    assert done.stderr.startswith("error: datasets/other.csv.dvc is not in the repository")


def test_a_refusal_by_git_ends_with_69_and_shows_no_password(steps: Steps) -> None:
    done = steps("pull", GITSYNC_PASSWORD="not-this-one")
    assert done.status == 69
    assert done.stderr.startswith("error: git")
    assert "not-this-one" not in done.stdout + done.stderr


def limited(stack: Stack, shared: str, code: str) -> Completed:
    options = (shared, f"--memory={MEMORY}m", f"--memory-swap={MEMORY}m")
    return stack.run("worker", "python", "-c", code, options=options, check=False)


def test_a_dataset_larger_than_the_memory_is_modified(stack: Stack, shared: str) -> None:
    done = limited(stack, shared, LARGE)
    assert done.status == 0, done
    size, rows = done.stdout.split()
    assert int(size) > 1.9 * (MEMORY << 20)
    assert rows == "1000001"


def test_what_takes_more_memory_than_it_may_is_killed(stack: Stack, shared: str) -> None:
    assert limited(stack, shared, f"held = bytearray({MEMORY} << 20)").status == 137
