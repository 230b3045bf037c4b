"""Checks every data version from a fresh clone of the lab's repository, trusting nothing else.

For each version: the pointer is sound and agrees with the commit's trailers, the object is in the bucket with the right
size, the data pulled by DVC has the pointer's md5 and the claimed number of rows, and Airflow knows the run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.access import Access
from lab.components import storage
from lab.components.airflow import PATIENCE, Airflow
from lab.errors import NoSuchVersionError
from lab.lineage import versions
from lab.lineage.versions import DataVersion
from lab.pipeline.errors import PipelineError
from lab.pipeline.git import Repository
from lab.pipeline.table import inspect
from lab.proc import run

FETCH_LIMIT = 3600


@dataclass(frozen=True)
class Verdict:
    """A version with what is wrong with it; no problem: it is as its commit says."""

    version: DataVersion
    problems: list[str]


def verify(access: Access, wanted: str | None, progress: Callable[[str], None]) -> list[Verdict]:
    """Check all versions, or the one that `wanted` names.

    Raises:
        LabError: the check itself could not be made (a service is down); this is no verdict on any version.
    """
    progress("cloning the repository")
    with versions.fresh_clone(access) as clone, Airflow(access, PATIENCE) as airflow:
        known = versions.read(clone)
        chosen = known if wanted is None else [versions.find(known, wanted)]
        pull_all(access, clone, chosen, progress)
        s3 = storage.client(access)
        verdicts = []
        for each in chosen:
            progress(f"version {each.number} of {len(known)}")
            problems = [
                *pointer_problems(each, known),
                *object_problems(access, each, s3),
                *data_problems(clone, each),
                *run_problems(airflow, each),
            ]
            verdicts.append(Verdict(each, problems))
    return verdicts


def pull_all(access: Access, clone: Repository, chosen: list[DataVersion], progress: Callable[[str], None]) -> None:
    """Have DVC bring every version's data into the clone's cache; what it can't bring is found missing there."""
    progress(f"pulling {len(chosen)} versions")
    which = ["--all-commits"] if len(chosen) > 1 else []
    if not which and chosen:
        clone.run("checkout", "--quiet", chosen[0].commit)
    command = [str(access.dvc_program()), "fetch", "--quiet", *which]
    run(command, env=clone.environment, cwd=clone.folder, limit=FETCH_LIMIT, check=False)


def pointer_problems(version: DataVersion, known: list[DataVersion]) -> list[str]:
    if version.fault:
        return [version.fault]
    problems = []
    for name, claimed, found in (
        ("md5", version.claimed_md5, version.md5),
        ("size", version.claimed_size, version.size),
    ):
        if claimed is not None and claimed != found:
            problems.append(f"the pointer says {name} {found}, its commit says {claimed}")
    if version.base_md5 is not None:
        before = [each.md5 for each in known if each.path == version.path and each.number < version.number]
        if not before or before[-1] != version.base_md5:
            problems.append(f"its base {version.base_md5} is not the version before it")
    return problems


def object_problems(access: Access, version: DataVersion, s3: object) -> list[str]:
    if version.md5 is None:
        return []
    size = storage.object_size(access, version.md5, s3)
    key = storage.object_key(access, version.md5)
    if size is None:
        return [f"the object {key} is missing"]
    if size != version.size:
        return [f"the object {key} has {size} bytes, the pointer says {version.size}"]
    return []


def data_problems(clone: Repository, version: DataVersion) -> list[str]:
    if version.md5 is None:
        return []
    file = cache_file(clone.folder, version.md5)
    if not file.exists():
        return ["dvc could not pull its data"]
    try:
        table = inspect(file)
    except PipelineError as error:
        md5 = file_md5(file)
        changed = [f"its data has md5 {md5}, the pointer says {version.md5}"] if md5 != version.md5 else []
        return changed or [error.message]
    problems = []
    if table.md5 != version.md5:
        problems.append(f"its data has md5 {table.md5}, the pointer says {version.md5}")
    if version.rows is not None and table.rows != version.rows:
        problems.append(f"its data has {table.rows} rows, its commit says {version.rows}")
    return problems


def cache_file(clone: Path, md5: str) -> Path:
    return clone / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]


def file_md5(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def run_problems(airflow: Airflow, version: DataVersion) -> list[str]:
    if version.run_id is None:
        return []
    try:
        airflow.run(version.dag_id or "", version.run_id)
    except NoSuchVersionError:
        return [f"Airflow does not know its run {version.run_id}"]
    return []
