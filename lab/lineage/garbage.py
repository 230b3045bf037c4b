"""Objects of the bucket that no commit names: left by a push that was never committed.

A run pushes its object before its commit. So that no object of a run, or of a user, is treated as garbage meanwhile,
the bucket is listed first, then Airflow's active runs, and the refs are read last. An object that was there
at the listing is then named by a commit, or is of a run that was active, or is garbage; what is younger than the oldest
active run is left unchanged. Before anything is moved, everything is checked again.

DVC does not upload what the bucket has, so an old object may be garbage at each check and named by the next commit.
So garbage goes to the quarantine first (lab.lineage.quarantine). It is restored if a commit names it, and deleted
after some days if none does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lab.access import Access
from lab.airflow.client import PATIENCE, Airflow
from lab.components import storage
from lab.errors import CheckFailedError
from lab.lineage import needed, quarantine, versions
from lab.lineage.quarantine import Held

DATA = re.compile(r"files/md5/([0-9a-f]{2})/([0-9a-f]{30}(?:\.dir)?)")
RECEIPT = re.compile(r"receipts/([0-9a-f]{2})/([0-9a-f]{30}(?:\.dir)?)\.json")
MARGIN = timedelta(seconds=60)
"""Between two clocks that are read to the second, and whatever a run did before Airflow noted its start."""
ACTIVE = "a run is active that may be about to commit it"


@dataclass(frozen=True)
class Limits:
    """What is younger is not garbage yet, and how long an object stays in the quarantine."""

    older_than: timedelta
    quarantine: timedelta


@dataclass(frozen=True)
class Garbage:
    """An object that no commit names. `kept` says why it stays nevertheless; empty: it may be quarantined."""

    key: str
    md5: str
    kind: str
    size: int
    modified: datetime
    age_seconds: float
    kept: str


@dataclass(frozen=True)
class Quarantined:
    """An object in the quarantine. `named`: a commit names it. `kept`: why it stays else; empty: it may be deleted."""

    held: Held
    kind: str
    md5: str
    named: bool
    kept: str

    @property
    def original(self) -> str:
        return self.held.original

    @property
    def key(self) -> str:
        return self.held.key


@dataclass(frozen=True)
class Survey:
    """What was found: garbage, the md5s that the commits name, pointers that could not be read, the quarantine."""

    garbage: list[Garbage]
    names: set[str]
    unreadable: list[str]
    active_runs: int
    quarantined: list[Quarantined]

    @property
    def removable(self) -> list[Garbage]:
        return [each for each in self.garbage if not each.kept]

    @property
    def expired(self) -> list[Quarantined]:
        return [each for each in self.quarantined if not each.named and not each.kept]

    def require_readable(self) -> None:
        if self.unreadable:
            raise CheckFailedError(
                f"nothing is quarantined or deleted, since what it names is not known: {self.unreadable[0]}",
                "lab-repair may restore an object; a commit with a broken pointer must leave every branch and tag",
                "\n".join(self.unreadable[1:]),
            )


def survey(access: Access, limits: Limits, progress: Callable[[str], None]) -> Survey:
    """Read the bucket with its quarantine, the runs and the refs, in this order; nothing is changed.

    Raises:
        LabError: one of them could not be read.
    """
    s3 = storage.client(access)
    progress("listing the bucket")
    now = storage.now(access, s3)
    found = [*storage.stored(access, "files/md5/", s3), *storage.stored(access, "receipts/", s3)]
    held = quarantine.listed(access, s3)
    progress("asking Airflow for active runs")
    since, active = active_since(access, now)
    progress("reading every branch and tag")
    with versions.fresh_clone(access, "--mirror") as clone:
        wanted = needed.of_repository(access, clone, s3)
    garbage = []
    for each in found:
        kind, md5 = kind_and_md5(access, each.key)
        if md5 and md5 not in wanted.sizes:
            age = max(now - each.modified, timedelta())
            kept = reason_to_stay(each.modified, age, since, limits)
            garbage.append(Garbage(each.key, md5, kind, each.size, each.modified, age.total_seconds(), kept))
    quarantined = []
    for inside in held:
        kind, md5 = kind_and_md5(access, inside.original)
        kept = reason_to_keep(inside, now, since, limits) if md5 else "it is neither DVC's data nor a receipt"
        quarantined.append(Quarantined(inside, kind, md5, md5 in wanted.sizes, kept))
    return Survey(garbage, set(wanted.sizes), wanted.unreadable, active, quarantined)


def kind_and_md5(access: Access, key: str) -> tuple[str, str]:
    """`data` or `receipt`, and the md5 that it is of; empty for what is neither, and so never touched."""
    for kind, pattern in (("data", DATA), ("receipt", RECEIPT)):
        if found := pattern.fullmatch(storage.place(access, key)):
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


def reason_to_stay(modified: datetime, age: timedelta, since: datetime | None, limits: Limits) -> str:
    if since is not None and modified >= since:
        return ACTIVE
    if age < limits.older_than:
        return f"younger than {limits.older_than.total_seconds() / 60:.0f} min: a person may be about to commit it"
    return ""


@dataclass
class Collected:
    """What was done; `restored` and `quarantined` are the keys in the DVC remote."""

    restored: list[str] = field(default_factory=list)
    quarantined: list[str] = field(default_factory=list)
    deleted: list[Quarantined] = field(default_factory=list)


def reason_to_keep(each: Held, now: datetime, since: datetime | None, limits: Limits) -> str:
    """Why an object stays in the quarantine; empty: it may be deleted."""
    if since is not None and each.since >= since:
        return ACTIVE
    end = each.since + limits.quarantine
    return f"until {end:%Y-%m-%d %H:%M} UTC" if now < end else ""


def collect(access: Access, first: Survey, limits: Limits, progress: Callable[[str], None]) -> Collected:
    """Restore what is named again; quarantine and delete what both `first` and a second check found.

    Raises:
        CheckFailedError: a pointer could not be read, and nothing was quarantined or deleted; or a commit that came
            just now names what was deleted.
    """
    s3, done = storage.client(access), Collected()
    first = restore_named(access, first, limits, done, progress)
    first.require_readable()
    if not first.removable and not first.expired:
        return done
    second = survey(access, limits, progress)
    second.require_readable()
    expired = {each.key for each in second.expired}
    for held in first.expired:
        if held.key in expired:
            progress(f"deleting {held.key}")
            storage.remove(access, held.key, s3)
            done.deleted.append(held)
    sure = {(each.key, each.modified) for each in second.removable}
    for each in first.removable:
        if (each.key, each.modified) in sure:
            progress(f"quarantining {each.key}")
            if quarantine.put(access, each.key, each.modified, s3):
                done.quarantined.append(each.key)
    require_unneeded(access, done, limits, progress)
    return done


def restore_named(
    access: Access, found: Survey, limits: Limits, done: Collected, progress: Callable[[str], None]
) -> Survey:
    """Restore what commits name, and check again: a restored folder names its files. Return the last check."""
    s3 = storage.client(access)
    while named := [each for each in found.quarantined if each.named]:
        before = len(done.restored)
        for each in named:
            progress(f"restoring {each.original}")
            if quarantine.restore(access, each.held, s3) and each.original not in done.restored:
                done.restored.append(each.original)
        if len(done.restored) == before:
            break
        found = survey(access, limits, progress)
    return found


def require_unneeded(access: Access, done: Collected, limits: Limits, progress: Callable[[str], None]) -> None:
    """Check again: a user may have pushed a commit just now. What it names in the quarantine is restored."""
    last = restore_named(access, survey(access, limits, progress), limits, done, progress)
    done.quarantined = [key for key in done.quarantined if key not in done.restored]
    s3 = storage.client(access)
    named = [each.original for each in done.deleted if each.md5 in last.names]
    missed = [key for key in named if storage.head(access, key, s3) is None]
    if missed:
        raise CheckFailedError(
            f"a commit came while {missed[0]} was deleted from the quarantine, and names it",
            "`dvc push` where that commit was made, or make lab-repair",
        )
