"""Data versions, read from the repository: each commit that changed a dataset's pointer is one."""

from __future__ import annotations

import math
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.access import BRANCH, Access
from lab.components import repository
from lab.errors import NoSuchVersionError, ServiceError
from lab.pipeline.errors import PipelineError
from lab.pipeline.git import GitError, Repository
from lab.pipeline.pointer import Pointer, parse

TRAILERS = ("Data-Md5", "Data-Size", "Data-Rows", "Data-Rows-Added", "Data-Base", "Data-Seed", "Run-Id", "Dag-Id",
            "Dag-Version", "Worker-Image", "Dvc-Version", "Task-Seconds")  # fmt: skip

USUAL = re.compile(
    r"outs:\n- md5: ('?)([0-9a-f]{32})\1\n  size: ([0-9]{1,18})\n  hash: md5\n  path: ([a-z_][\w-]*\.csv)\n"
)
"""A pointer as DVC writes it. YAML takes unquoted digits, or digits with one `e`, for a number: DVC quotes those."""


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

    @property
    def code_version(self) -> str:
        """The commit of the DAG that made it; empty where there was no run, or Airflow did not know."""
        return self.dag_version if self.dag_version and self.dag_version != "unknown" else ""

    @property
    def promises_receipt(self) -> bool:
        """Whether what made it also wrote a receipt: older versions have none, nor have those made by hand."""
        return bool(self.worker or self.dvc_version or self.task_seconds)


@contextmanager
def fresh_clone(access: Access, *options: str) -> Iterator[Repository]:
    """A new clone of the lab's repository that is gone after the block; `options` are those of git-clone(1)."""
    access.paths.temporary.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=access.paths.temporary, prefix="clone-") as folder:
        try:
            cloned = repository.clone(access, Path(folder) / "repository", *options)
        except GitError as error:
            raise ServiceError(error.message, "make lab-status") from error
        yield cloned


def of_branch(access: Access, branch: str = BRANCH) -> list[DataVersion]:
    """All data versions of this branch, as the server has it now.

    Raises:
        NoSuchVersionError: there is no such branch.
    """
    with fresh_clone(access, "--no-checkout") as clone:
        return read_branch(clone, branch)


def read_branch(clone: Repository, branch: str = BRANCH) -> list[DataVersion]:
    """All data versions of this branch of the server.

    Raises:
        NoSuchVersionError: there is no such branch.
    """
    reference = f"refs/remotes/origin/{branch}"
    if clone.run("show-ref", "--verify", "--quiet", reference, check=False).returncode != 0:
        known = clone.out("for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin").split()
        raise no_branch(branch, [name for name in known if name != "HEAD"])
    return read(clone, reference)


def no_branch(branch: str, known: Iterable[str]) -> NoSuchVersionError:
    """The error for a branch that is not one of those there are."""
    return NoSuchVersionError(f"there is no branch {branch!r}", f"branches: {', '.join(known) or 'none yet'}")


def read(clone: Repository, revision: str = "HEAD") -> list[DataVersion]:
    """All data versions reachable from `revision`, oldest first, numbered from 1."""
    fields = [
        "%H",
        "%P",
        "%cI",
        "%an",
        "%s",
        *(f"%(trailers:key={name},valueonly,separator=%x2C)" for name in TRAILERS),
    ]
    log = clone.out(
        "log", "--reverse", "--topo-order", "--first-parent", "-m", "--diff-filter=AM", "--name-only", "--no-renames",
        "-z", f"--format=%x01{'%x00'.join(fields)}%x02", revision, "--", "*.dvc",
    )  # fmt: skip
    entries = []
    for block in log.split("\x01")[1:]:
        head, _, names = block.partition("\x02")
        entries += [(head.split("\0"), name) for name in names.strip("\n\0").split("\0") if name]
    contents = read_files(clone, [f"{head[0]}:{name}" for head, name in entries])
    return [
        make(number, *entry, content) for number, (entry, content) in enumerate(zip(entries, contents, strict=True), 1)
    ]


def make(number: int, head: list[str], pointer_name: str, content: str) -> DataVersion:
    commit, parents, time, author, subject, *values = head
    claim = dict(zip(TRAILERS, values, strict=True))
    md5 = size = None
    fault = ""
    try:
        pointer = usual(content) or parse(content, pointer_name)
        md5, size = pointer.md5, pointer.size
    except PipelineError as error:
        fault = error.message
    return DataVersion(
        number=number, commit=commit, parent=parents.split(" ")[0], time=time, author=author, subject=subject,
        path=pointer_name.removesuffix(".dvc"), md5=md5, size=size, fault=fault,
        claimed_md5=claim["Data-Md5"] or None, claimed_size=number_or_none(claim["Data-Size"]),
        rows=number_or_none(claim["Data-Rows"]), rows_added=number_or_none(claim["Data-Rows-Added"]),
        base_md5=claim["Data-Base"] or None, seed=number_or_none(claim["Data-Seed"]),
        run_id=claim["Run-Id"] or None, dag_id=claim["Dag-Id"] or None, dag_version=claim["Dag-Version"] or None,
        worker=claim["Worker-Image"] or None, dvc_version=claim["Dvc-Version"] or None,
        task_seconds=seconds_of_tasks(claim["Task-Seconds"]),
    )  # fmt: skip


def number_or_none(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def usual(content: str) -> Pointer | None:
    """A pointer written in DVC's own way, without the milliseconds of a YAML parser; None if it may be any other."""
    found = USUAL.fullmatch(content)
    if found is None or not (found[1] or re.search("[a-df]", found[2])):
        return None
    return Pointer(found[2], int(found[3]), found[4])


def seconds_of_tasks(text: str) -> dict[str, float] | None:
    """`pull_data 1.2, push_data 2` by task; None where it says something else."""
    try:
        pairs = [part.split() for part in text.split(",") if part.strip()]
        found = {task: float(seconds) for task, seconds in pairs}
    except ValueError:
        return None
    return found if found and all(map(math.isfinite, found.values())) else None


def read_files(clone: Repository, names: list[str]) -> list[str]:
    """The content of each `<commit>:<path>`, by one `git cat-file --batch`."""
    if not names:
        return []
    finished = subprocess.run(
        ["git", "cat-file", "--batch"],  # noqa: S607 - the git on PATH
        cwd=clone.folder, env=clone.environment, input="".join(f"{name}\n" for name in names).encode(),
        capture_output=True, check=True,
    )  # fmt: skip
    contents, rest = [], finished.stdout
    for _ in names:
        header, _, rest = rest.partition(b"\n")
        size = int(header.rsplit(b" ", 1)[1])
        contents.append(rest[:size].decode("utf-8", "replace"))
        rest = rest[size + 1 :]
    return contents


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
