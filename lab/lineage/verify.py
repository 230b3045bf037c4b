"""Checks every data version from a fresh clone of the lab's repository, trusting nothing else.

For each version: the pointer is sound and agrees with the commit's trailers; the object is in the bucket and has the
pointer's md5 and size; it is a sound dataset, its ids unique and rising, that starts with its base byte for byte and
has the rows that its commit claims; the receipt says what the commit says; Airflow knows the run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from lab.access import BRANCH, Access
from lab.airflow.client import PATIENCE, Airflow
from lab.components import storage
from lab.errors import NotFoundError
from lab.lineage import quarantine, receipts, versions
from lab.lineage.inspection import Inspection, Wanted, in_parallel, inspect_all
from lab.lineage.receipts import Receipt
from lab.lineage.versions import DataVersion
from lab.pipeline.dvc import object_place


@dataclass(frozen=True)
class Verdict:
    """A version with what is wrong with it; no problem: it is as its commit says. `rows` are those that were found."""

    version: DataVersion
    problems: list[str]
    rows: int | None = None


@dataclass(frozen=True)
class Evidence:
    """What was checked: each version's base (the one before it of its dataset), objects and receipts by md5."""

    before: dict[int, DataVersion | None]
    objects: dict[str, Inspection]
    receipts: dict[str, Receipt | None]
    runs: set[tuple[str, str]]
    quarantined: set[str]
    """Where objects in the quarantine of `lab gc` were, below the remote's path; empty where no object is missing."""


def verify(access: Access, wanted: str | None, progress: Callable[[str], None], branch: str = BRANCH) -> list[Verdict]:
    """Check all versions of the branch, or the one that `wanted` names.

    Raises:
        LabError: the check itself could not be made (a service is down); this says nothing about any version.
    """
    progress("cloning the repository")
    known = versions.of_branch(access, branch)
    chosen = known if wanted is None else [versions.find(known, wanted)]
    return verdicts_of(access, known, chosen, progress)


def verdicts_of(
    access: Access, known: list[DataVersion], chosen: list[DataVersion], progress: Callable[[str], None]
) -> list[Verdict]:
    """A verdict on each of the chosen versions; `known` are all of their branch."""
    before = previous(known)
    s3 = storage.client(access)
    objects = inspect_all(access, objects_of(chosen, before), s3, progress)
    found = in_parallel(lambda md5: receipts.read(access, md5, s3), list(objects), "receipts read", progress)
    progress("asking Airflow for the runs")
    missing = any(each.size is None for each in objects.values())
    quarantined = {storage.place(access, each.original) for each in quarantine.listed(access, s3)} if missing else set()
    evidence = Evidence(before, objects, found, known_runs(access, chosen), quarantined)
    return [verdict(each, evidence) for each in chosen]


def previous(known: list[DataVersion]) -> dict[int, DataVersion | None]:
    """By number, the version before each one of the same dataset."""
    latest: dict[str, DataVersion] = {}
    before: dict[int, DataVersion | None] = {}
    for each in known:
        before[each.number] = latest.get(each.path)
        latest[each.path] = each
    return before


def objects_of(chosen: list[DataVersion], before: dict[int, DataVersion | None]) -> dict[str, Wanted]:
    """The objects to read, each once however many versions share it, marked where a base ends."""
    names: dict[str, str] = {}
    marks: dict[str, set[int]] = defaultdict(set)
    for each in chosen:
        if each.md5 is not None:
            names.setdefault(each.md5, each.path)
            base = before[each.number]
            if each.base_md5 and base and base.md5 == each.base_md5 and base.size:
                marks[each.md5].add(base.size)
    return {md5: Wanted(md5, name, tuple(marks[md5])) for md5, name in names.items()}


def known_runs(access: Access, chosen: list[DataVersion]) -> set[tuple[str, str]]:
    """Those of the versions' runs that Airflow knows."""
    asked = {(each.dag_id or "", each.run_id) for each in chosen if each.run_id is not None}
    with Airflow(access, PATIENCE) as airflow:
        if len(asked) > 1:
            return asked & {(dag, run) for dag in {dag for dag, _ in asked} for run in airflow.run_ids(dag)}
        for dag, run in asked:
            try:
                airflow.run(dag, run)
            except NotFoundError:
                return set()
    return asked


def verdict(version: DataVersion, evidence: Evidence) -> Verdict:
    if version.fault or version.md5 is None:
        return Verdict(version, [version.fault, *run_problems(version, evidence)])
    base = evidence.before[version.number]
    found = evidence.objects[version.md5]
    problems = [
        *pointer_problems(version, base),
        *object_problems(version, found, evidence.quarantined),
        *data_problems(version, base, found, evidence),
        *receipts.problems(version, evidence.receipts[version.md5]),
        *run_problems(version, evidence),
    ]
    return Verdict(version, problems, found.rows)


def pointer_problems(version: DataVersion, base: DataVersion | None) -> list[str]:
    problems = []
    for name, claimed, found in (
        ("md5", version.claimed_md5, version.md5),
        ("size", version.claimed_size, version.size),
    ):
        if claimed is not None and claimed != found:
            problems.append(f"the pointer says {name} {found}, its commit says {claimed}")
    if version.base_md5 is not None and (base is None or base.md5 != version.base_md5):
        problems.append(f"its base {version.base_md5} is not the version before it")
    return problems


def object_problems(version: DataVersion, found: Inspection, quarantined: set[str]) -> list[str]:
    place = object_place(version.md5 or "")
    name = f"the object {place}"
    if found.size is None:
        return [f"{name} is in the quarantine of lab gc" if place in quarantined else f"{name} is missing"]
    problems = []
    if found.size != version.size:
        problems.append(f"{name} has {found.size} bytes, the pointer says {version.size}")
    if found.md5 != version.md5:
        problems.append(f"its data has md5 {found.md5}, the pointer says {version.md5}")
    return problems


def data_problems(version: DataVersion, base: DataVersion | None, found: Inspection, evidence: Evidence) -> list[str]:
    """What is wrong with bytes that match the pointer; other bytes are not checked further."""
    if found.md5 != version.md5:
        return []
    if found.fault:
        return [found.fault]
    problems = []
    if version.rows is not None and found.rows != version.rows:
        problems.append(f"its data has {found.rows} rows, its commit says {version.rows}")
    if base is None or base.md5 is None or base.md5 != version.base_md5 or version.run_id is None:
        return problems
    looked = evidence.objects.get(base.md5)
    rows = looked.rows if looked and looked.md5 == base.md5 else base.rows
    if rows is not None and version.rows_added is not None and found.rows != rows + version.rows_added:
        problems.append(f"its data has {found.rows} rows, its base {rows} and {version.rows_added} were added")
    if base.size and found.starts.get(base.size) != base.md5:
        problems.append("its data does not start with its base's: rows were changed or lost")
    return problems


def run_problems(version: DataVersion, evidence: Evidence) -> list[str]:
    if version.run_id is None or (version.dag_id or "", version.run_id) in evidence.runs:
        return []
    return [f"Airflow does not know its run {version.run_id}"]
