"""Data versions, read from the repository: each commit that changed a dataset's pointer is one."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lab.access import BRANCH, Access
from lab.components import repository
from lab.errors import NoSuchVersionError, NotFoundError, ServiceError
from lab.pipeline.append import row_identity
from lab.pipeline.errors import DatasetError, PipelineError
from lab.pipeline.git import GitError, Repository, remote_ref
from lab.pipeline.log import EXECUTABLE, FILE, ODDITIES, Change, trailer
from lab.pipeline.pointer import LARGEST, SUFFIX, Pointer, parse

TRAILERS = ("Data-Md5", "Data-Size", "Data-Rows", "Data-Rows-Added", "Data-Base", "Data-Row-Key", "Data-Seed", "Run-Id",
            "Dag-Id", "Dag-Version", "Worker-Image", "Dvc-Version", "Task-Seconds")  # fmt: skip
FIELDS = ["%H", "%P", "%cI", "%an", "%s", *(trailer(name) for name in TRAILERS)]
NO_TIME = "1970-01-01T00:00:00+00:00"
"""Of a commit with a date that Git cannot read."""


@dataclass(frozen=True)
class DataVersion:
    """One version of one dataset.

    `md5` and `size` (bytes) are the pointer's, None if the pointer can't be read (`fault` says why). What the commit's
    trailers claim (`rows`, `run_id`, …) is None where they are missing: a version that a person made by hand.
    """

    number: int
    commit: str
    parent: str
    time: str
    author: str
    subject: str
    path: str
    md5: str | None
    size: int | None
    fault: str
    claimed_md5: str | None
    claimed_size: int | None
    rows: int | None
    rows_added: int | None
    base_md5: str | None
    seed: int | None
    run_id: str | None
    dag_id: str | None
    dag_version: str | None
    worker: str | None
    dvc_version: str | None
    task_seconds: dict[str, float] | None
    row_key: int | None = None
    """How its rows were derived (see lab.pipeline.append); None, where its commit says nothing, is 1."""

    @property
    def code_version(self) -> str:
        """The commit of the DAG that made it; empty where there was no run, or Airflow did not know."""
        return self.dag_version if self.dag_version and self.dag_version != "unknown" else ""

    @property
    def row_identity(self) -> str:
        """What its run's rows were derived from, apart from its base; UsageError if this lab does not know how."""
        return row_identity(self.row_key or 1, self.dag_id or "", self.path, self.run_id or "")

    @property
    def promises_receipt(self) -> bool:
        """Whether what made it also wrote a receipt: older versions have none, nor have those made by hand."""
        return bool(self.worker or self.dvc_version or self.task_seconds)


@contextmanager
def fresh_clone(access: Access, *options: str) -> Iterator[Repository]:
    """A temporary clone of the lab's repository, with nothing checked out.

    `options` are those of git-clone(1).
    """
    access.paths.temporary.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=access.paths.temporary, prefix="clone-") as folder:
        try:
            cloned = repository.clone(access, Path(folder) / "repository", "--no-checkout", *options)
        except GitError as error:
            raise ServiceError(error.message, "make lab-status") from error
        yield cloned


def of_branch(access: Access, branch: str = BRANCH) -> list[DataVersion]:
    """All data versions of this branch, as the server has it now.

    Raises:
        NotFoundError: there is no such branch.
    """
    with fresh_clone(access) as clone:
        return read_branch(clone, branch)


def read_branch(clone: Repository, branch: str = BRANCH) -> list[DataVersion]:
    """All data versions of this branch of the server.

    Raises:
        NotFoundError: there is no such branch.
    """
    reference = remote_ref(branch)
    if clone.run("show-ref", "--verify", "--quiet", reference, check=False).returncode != 0:
        known = clone.out("for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin").split()
        raise no_branch(branch, [name for name in known if name != "HEAD"])
    return read(clone, reference)


def no_branch(branch: str, known: Collection[str]) -> NotFoundError:
    """The error for a branch that does not exist."""
    hint = f"branches: {', '.join(known)}" if known else "the repository is empty: make lab-up completes it"
    return NotFoundError(f"there is no branch {branch!r}", hint)


def read(clone: Repository, revision: str = "HEAD") -> list[DataVersion]:
    """All data versions reachable from `revision`, oldest first, numbered from 1."""
    log = clone.log(
        FIELDS, "--reverse", "--topo-order", "--first-parent", "-m", "--diff-filter=AMT", "--raw", "--no-abbrev",
        "--no-renames", revision, "--", f"*{SUFFIX}",
    )  # fmt: skip
    entries = [(commit.fields, change) for commit in log for change in commit.changes]
    readable = list(dict.fromkeys(change.blob for _, change in entries if change.mode in {FILE, EXECUTABLE}))
    blobs = dict(zip(readable, clone.blobs(readable), strict=True))
    return [make(number, *entry, blobs) for number, entry in enumerate(entries, 1)]


def make(number: int, fields: list[str], change: Change, blobs: dict[str, str]) -> DataVersion:
    commit, parents, time, author, subject, *values = fields
    claim = dict(zip(TRAILERS, values, strict=True))
    md5 = size = None
    fault = "" if is_time(time) else "the date of its commit cannot be read"
    try:
        pointer = pointer_of(change, blobs)
        md5, size = pointer.md5, pointer.size
    except PipelineError as error:
        fault = error.message
    return DataVersion(
        number=number, commit=commit, parent=parents.split(" ")[0], time=time if is_time(time) else NO_TIME,
        author=author, subject=subject, path=change.path.removesuffix(SUFFIX), md5=md5, size=size, fault=fault,
        claimed_md5=claim["Data-Md5"] or None, claimed_size=number_or_none(claim["Data-Size"]),
        rows=number_or_none(claim["Data-Rows"]), rows_added=number_or_none(claim["Data-Rows-Added"]),
        base_md5=claim["Data-Base"] or None, seed=number_or_none(claim["Data-Seed"]),
        run_id=claim["Run-Id"] or None, dag_id=claim["Dag-Id"] or None, dag_version=claim["Dag-Version"] or None,
        worker=claim["Worker-Image"] or None, dvc_version=claim["Dvc-Version"] or None,
        task_seconds=seconds_of_tasks(claim["Task-Seconds"]),
        row_key=number_or_none(claim["Data-Row-Key"]),
    )  # fmt: skip


def pointer_of(change: Change, blobs: dict[str, str]) -> Pointer:
    """The pointer that a commit left.

    Raises:
        DatasetError: it is not a pointer, and why.
    """
    if change.mode in ODDITIES:
        raise DatasetError(f"{change.path} is {ODDITIES[change.mode]}, not a DVC pointer")
    content = blobs[change.blob]
    if len(content) > LARGEST:
        raise DatasetError(f"{change.path} has {len(content):,} characters, more than a DVC pointer has")
    return parse(content, change.path)


def is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def number_or_none(text: str) -> int | None:
    """The number that the text says in at most 18 digits, as every count of bytes or rows does."""
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def seconds_of_tasks(text: str) -> dict[str, float] | None:
    """`pull_data 1.2, push_data 2` by task; None where it says something else."""
    try:
        pairs = [part.split() for part in text.split(",") if part.strip()]
        found = {task: float(seconds) for task, seconds in pairs}
    except ValueError:
        return None
    return found if found and all(map(math.isfinite, found.values())) else None


def find(versions: list[DataVersion], wanted: str) -> DataVersion:
    """The version that `wanted` names: its number (`3`, `v3`), `latest`, its run, or the start of its commit or md5.

    Raises:
        NoSuchVersionError: none, or more than one.
    """
    if wanted == "latest" and versions:
        return versions[-1]
    number = wanted.removeprefix("v")
    found = [version for version in versions if str(version.number) == number or version.run_id == wanted]
    if not found and len(wanted) >= 4:
        found = [v for v in versions if v.commit.startswith(wanted) or (v.md5 or "").startswith(wanted)]
    if len(found) == 1:
        return found[0]
    problem = "is not a data version" if not found else f"names {len(found)} data versions"
    hint = f"make lab-history lists them (1 to {len(versions)})" if versions else "there is none yet: make lab-run"
    raise NoSuchVersionError(f"{wanted!r} {problem}", hint)
