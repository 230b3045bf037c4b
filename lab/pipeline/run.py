"""What one run of the pipeline reads from its environment; the same variables in a pod and in a process."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lab.pipeline.errors import UsageError


@dataclass(frozen=True)
class Worker:
    """What the steps run in: an image's reference and digest, or the digest of an environment; empty if unknown."""

    image: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Run:
    """One run: where it reads and writes, and what it is to add. `identity` is Airflow's run id."""

    identity: str
    dag: str
    code_version: str
    date: str
    repository: str
    branch: str
    dataset: PurePosixPath
    rows: int
    shared: Path
    worker: Worker = Worker()
    last_try: bool = False
    """Whether Airflow does not try again if this step fails."""

    @property
    def folder(self) -> Path:
        """This run's own folder on the shared volume."""
        return self.shared / "runs" / folder_name(self.dag, self.identity)

    @property
    def clone(self) -> Path:
        return self.folder / "repository"

    @property
    def data_file(self) -> Path:
        return self.clone / self.dataset

    @property
    def pointer(self) -> str:
        """The dataset's `.dvc` file, relative to the repository."""
        return f"{self.dataset}.dvc"

    @property
    def lock(self) -> Path:
        """Beside the folder, so that it is there before the folder and after it."""
        return self.folder.with_name(f"{self.folder.name}.lock")

    @property
    def turn(self) -> Path:
        """The lock of the run that pushes: one for all runs on this volume."""
        return self.shared / "push.lock"

    @property
    def appended(self) -> Path:
        """What `modify` did, for `push`: written when the rows are in the file, and not before."""
        return self.folder / "appended.json"

    @property
    def tasks(self) -> Path:
        """When each step began and how long it took, for the receipt."""
        return self.folder / "tasks.json"


def folder_name(dag: str, identity: str) -> str:
    """What a run's folder is called: readable, and unique also where two names look alike."""
    digest = hashlib.sha256(f"{dag}\n{identity}".encode()).hexdigest()[:12]
    readable = re.sub(r"[^A-Za-z0-9]+", "-", identity)[:60].strip("-")
    return f"{readable}-{digest}"


PATTERNS = {
    "PIPELINE_RUN_ID": r"[A-Za-z0-9_.~:+-]{1,250}",  # what Airflow allows (core.allowed_run_id_pattern)
    "PIPELINE_DAG_ID": r"[\w.-]{1,250}",
    "PIPELINE_CODE_VERSION": r"[0-9a-f]{0,64}",
    "PIPELINE_RUN_DATE": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "PIPELINE_REPOSITORY": r"(https?|ssh|file)://\S+|/\S+",
    # git-check-ref-format(1), of these characters
    "PIPELINE_BRANCH": r"(?=.{1,200}$)(?!-)(?!.*(\.\.|\.lock(/|$)|\.$))(?!\.)[\w.-]+(/(?!\.)[\w.-]+)*",
    # Names that neither a program nor a person takes for anything else: no `-x`, `.git`, `.dvc`, or blank at an end
    "PIPELINE_DATASET": r"(?=.{1,200}$)\w([\w .-]*[\w-])?(/\w([\w .-]*[\w-])?)*\.csv",
    "PIPELINE_ROWS": r"[0-9]{1,9}",
    "PIPELINE_SHARED_DIR": r"/.+",
    "PIPELINE_WORKER_IMAGE": r"\S{0,500}",
    "PIPELINE_WORKER_DIGEST": r"(sha256:[0-9a-f]{64})?",
    "PIPELINE_TRIES_LEFT": r"[0-9]{0,4}",
}


def from_environment(environment: Mapping[str, str]) -> Run:
    """Read the run from PIPELINE_* variables.

    Raises:
        UsageError: one is missing or malformed; it is named with its value.
    """
    values = {}
    for name, pattern in PATTERNS.items():
        value = environment.get(name, "")
        if not re.fullmatch(pattern, value) or ".." in value.split("/"):
            raise UsageError(
                f"{name} is {'not set' if not value else repr(value)}; it must match {pattern}",
                "the DAG sets it: compare dags/lab_steps.py and the parameters of the run",
            )
        values[name.removeprefix("PIPELINE_")] = value
    return Run(
        identity=values["RUN_ID"],
        dag=values["DAG_ID"],
        code_version=values["CODE_VERSION"],
        date=values["RUN_DATE"],
        repository=values["REPOSITORY"],
        branch=values["BRANCH"],
        dataset=PurePosixPath(values["DATASET"]),
        rows=int(values["ROWS"]),
        shared=Path(values["SHARED_DIR"]),
        worker=Worker(values["WORKER_IMAGE"], values["WORKER_DIGEST"]),
        last_try=values["TRIES_LEFT"] == "0",
    )
