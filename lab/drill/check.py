"""What must be true after a drill, whatever its faults did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

from lab.access import DAG, Access
from lab.drill.branch import Start
from lab.drill.injector import FaultInjector
from lab.drill.outcome import Outcome
from lab.errors import ServiceError
from lab.lineage import versions
from lab.lineage.verify import Verdict, verdicts_of
from lab.lineage.versions import DataVersion
from lab.pipeline.git import Repository, remote_ref
from lab.pipeline.run import folder_name
from lab.wait import NotYetError, wait_until

LEFT_LIMIT = 30
"""Seconds that leftovers may outlive a run: the step of a task that Airflow has given up may still be ending."""


@dataclass(frozen=True)
class PromiseCheck:
    """One promise, and what breaks it; empty if it is kept."""

    promise: str
    problems: list[str]


def check(
    access: Access,
    injector: FaultInjector,
    branch: str,
    start: Start,
    outcomes: list[Outcome],
    *,
    note: Callable[[str], None],
) -> list[PromiseCheck]:
    """Compare the branch, the bucket and the shared volume with the outcomes of the runs.

    Each outcome gets its versions.
    """
    note("what is left on the shared volume")
    left = left_over(injector, outcomes)
    with versions.fresh_clone(access) as clone:
        known = versions.read_branch(clone, branch)
        made = versions.read(clone, f"{start.commit}..{remote_ref(branch)}")
        history = history_problems(clone, start, branch, made)
    assign(made, outcomes)
    commits = {start.version.commit, *(each.commit for each in made)}
    base, *verdicts = verdicts_of(access, known, [each for each in known if each.commit in commits], note)
    return [
        PromiseCheck("one version per run that succeeded, none for one that failed", version_problems(made, outcomes)),
        PromiseCheck("the history is linear, and of these versions only", history),
        PromiseCheck(
            "each version is what its commit says: object, md5, ids, rows, receipt, run",
            [f"{each.version.commit[:10]}: {problem}" for each in verdicts for problem in each.problems],
        ),
        PromiseCheck("every row is there once: rows add up", row_problems(base, verdicts, outcomes)),
        PromiseCheck("no folder or lock is left on the shared volume", left),
    ]


def assign(made: list[DataVersion], outcomes: list[Outcome]) -> None:
    """Assign each outcome its versions."""
    for outcome in outcomes:
        outcome.versions = [each.commit for each in made if each.run_id == outcome.run_id]


def version_problems(made: list[DataVersion], outcomes: list[Outcome]) -> list[str]:
    problems = []
    for outcome in outcomes:
        wanted = 1 if outcome.state == "success" else 0
        if len(outcome.versions) != wanted:
            found = f"{len(outcome.versions)} versions ({', '.join(commit[:10] for commit in outcome.versions)})"
            problems.append(f"round {outcome.round.number}, {outcome.state}, made {found}: {outcome.run_id}")
    known = {outcome.run_id for outcome in outcomes}
    return [*problems, *(f"{each.commit[:10]} is of no run of this drill" for each in made if each.run_id not in known)]


def history_problems(clone: Repository, start: Start, branch: str, made: list[DataVersion]) -> list[str]:
    """What is wrong with the chain from the start to the head: each commit one version, made from the one before it."""
    if not clone.follows(remote_ref(branch), start.commit):
        return [f"the branch does not contain {start.commit[:10]}, from which it was made"]
    log = clone.log(["%H", "%P"], f"{start.commit}..{remote_ref(branch)}")
    commits = [" ".join(logged.fields).split() for logged in log]
    single = Counter(each.commit for each in made)
    return [
        *(f"{commit[0][:10]} has {len(commit) - 1} parents" for commit in commits if len(commit) != 2),
        *(f"{commit[0][:10]} is not one data version" for commit in commits if single[commit[0]] != 1),
        *(
            f"{each.commit[:10]} says its base is {each.base_md5}, before it is {before.md5}"
            for before, each in pairwise([start.version, *made])
            if each.base_md5 != before.md5
        ),
    ]


def row_problems(base: Verdict, verdicts: list[Verdict], outcomes: list[Outcome]) -> list[str]:
    """What is wrong with the number of rows of the last version; the ids of each one are checked to rise."""
    added = sum(outcome.round.rows for outcome in outcomes if outcome.state == "success")
    rows = [base, *verdicts][-1].rows
    if base.rows is not None and rows == base.rows + added:
        return []
    return [f"{rows} rows, expected {base.rows} + {added}"]


def left_over(injector: FaultInjector, outcomes: list[Outcome]) -> list[str]:
    """Leftovers of these runs in the folder of runs."""
    names = {folder_name(DAG, outcome.run_id) for outcome in outcomes}
    left: list[str] = []

    def probe() -> None:
        found = injector.runs_folder.iterdir() if injector.runs_folder.exists() else ()
        left[:] = sorted(each.name for each in found if each.name.removesuffix(".lock") in names)
        if left:
            raise NotYetError

    with suppress(ServiceError):
        wait_until(probe, what="an empty folder of runs", limit=LEFT_LIMIT, pause=0.5)
    return left
