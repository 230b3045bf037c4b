"""Objects of the bucket that no commit names: what a push left whose commit was never made.

A run pushes its object before its commit. So that no object of a run, or of a person, is taken for garbage meanwhile,
the bucket is listed first, then Airflow is asked for active runs, and the refs are read last. An object that was there
at the listing is then named by a commit, or is of a run that was active, or is garbage; what is younger than the oldest
active run is left alone. Before anything is removed, all of it is looked at once more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lab.access import Access
from lab.components import storage
from lab.components.airflow import PATIENCE, Airflow
from lab.components.storage import Stored
from lab.errors import CheckFailedError
from lab.lineage import needed, versions

DATA = re.compile(r"files/md5/([0-9a-f]{2})/([0-9a-f]{30}(?:\.dir)?)")
RECEIPT = re.compile(r"receipts/([0-9a-f]{2})/([0-9a-f]{30}(?:\.dir)?)\.json")
MARGIN = timedelta(seconds=60)
"""Between two clocks that are read to the second, and whatever a run did before Airflow noted its start."""


@dataclass(frozen=True)
class Garbage:
    """An object that no commit names. `kept` says why it stays nevertheless; empty: it may be removed."""

    key: str
    md5: str
    kind: str
    size: int
    modified: datetime
    age_seconds: float
    kept: str


@dataclass(frozen=True)
class Survey:
    """What was found: garbage, how many objects the commits need, and pointers that could not be read."""

    garbage: list[Garbage]
    needed: int
    unreadable: list[str]
    active_runs: int

    @property
    def removable(self) -> list[Garbage]:
        return [each for each in self.garbage if not each.kept]

    def require_readable(self) -> None:
        if self.unreadable:
            raise CheckFailedError(
                f"nothing is removed, since what it names is not known: {self.unreadable[0]}",
                "lab-repair may restore an object; a commit with a broken pointer must leave every branch and tag",
                "\n".join(self.unreadable[1:]),
            )


def survey(access: Access, older_than: timedelta, progress: Callable[[str], None]) -> Survey:
    """Look at the bucket, the runs and the refs, in this order; nothing is changed.

    Raises:
        LabError: one of them could not be asked.
    """
    s3 = storage.client(access)
    progress("listing the bucket")
    now = storage.now(access, s3)
    found = [*storage.stored(access, "files/md5/", s3), *storage.stored(access, "receipts/", s3)]
    progress("asking Airflow for active runs")
    since, active = active_since(access, now)
    progress("reading every branch and tag")
    with versions.fresh_clone(access, "--mirror") as clone:
        wanted = needed.of_repository(access, clone, s3)
    garbage = []
    for each in found:
        kind, md5 = of(access, each.key)
        if md5 and md5 not in wanted.sizes:
            age = max(now - each.modified, timedelta())
            kept = reason_to_stay(each, age, since, older_than)
            garbage.append(Garbage(each.key, md5, kind, each.size, each.modified, age.total_seconds(), kept))
    return Survey(garbage, len(wanted.sizes), wanted.unreadable, active)


def of(access: Access, key: str) -> tuple[str, str]:
    """`data` or `receipt`, and the md5 that it is of; empty for what is neither, and so never touched."""
    name = key.removeprefix(f"{access.settings.storage.prefix}/")
    for kind, pattern in (("data", DATA), ("receipt", RECEIPT)):
        if found := pattern.fullmatch(name):
            return kind, found[1] + found[2]
    return "", ""


def active_since(access: Access, now: datetime) -> tuple[datetime | None, int]:
    """When the oldest active run can have made its first object, by the clock that says `now`, and how many there are.

    A failed run that a person has started again keeps its `run_after`, and an object of its first try counts as its.
    """
    with Airflow(access, PATIENCE) as airflow:
        runs = airflow.active_runs()
        ahead = now - airflow.now()
    times = [run[name] for run in runs for name in ("run_after", "queued_at", "start_date") if run.get(name)]
    if not runs:
        return None, 0
    first = min((datetime.fromisoformat(time) for time in times), default=now)
    return min(first + ahead, now) - MARGIN, len(runs)


def reason_to_stay(each: Stored, age: timedelta, since: datetime | None, older_than: timedelta) -> str:
    if since is not None and each.modified >= since:
        return "a run is active that may be about to commit it"
    if age < older_than:
        return f"younger than {older_than.total_seconds() / 60:.0f} min: a person may be about to commit it"
    return ""


def collect(access: Access, first: Survey, older_than: timedelta, progress: Callable[[str], None]) -> list[Garbage]:
    """Remove what `first` found removable and a second look finds so too; return what was removed.

    Raises:
        CheckFailedError: a pointer could not be read, and nothing was removed; or a commit that came just now names
            what was removed.
    """
    first.require_readable()
    if not first.removable:
        return []
    second = survey(access, older_than, progress)
    second.require_readable()
    s3 = storage.client(access)
    sure = {(each.key, each.modified) for each in second.removable}
    removed = []
    for each in first.removable:
        if (each.key, each.modified) in sure and storage.last_modified(access, each.key, s3) == each.modified:
            progress(f"removing {each.key}")
            storage.remove(access, each.key, s3)
            removed.append(each)
    require_unneeded(access, removed, s3)
    return removed


def require_unneeded(access: Access, removed: list[Garbage], s3: Any) -> None:
    """Look at the refs once more: a person may have pushed a commit in this very moment."""
    with versions.fresh_clone(access, "--mirror") as clone:
        wanted = needed.of_repository(access, clone, s3)
    missed = [each for each in removed if each.md5 in wanted.sizes]
    if missed:
        raise CheckFailedError(
            f"a commit came while {missed[0].key} was removed, and names it",
            "`dvc push` where that commit was made, or make lab-repair",
        )
