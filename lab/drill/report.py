"""A drill as a table of faults and outcomes, and as JSON."""

from __future__ import annotations

import statistics
from dataclasses import asdict
from typing import Any

from lab.drill.check import PromiseCheck
from lab.drill.outcome import Outcome
from lab.drill.plan import FAULTS, TASKS, Round

HEADINGS = ["fault", "task", "rounds", "struck", "tries", "succeeded", "failed", "versions", "seconds"]
PLAN_HEADINGS = ["round", "fault", "task", "moment", "seconds", "rows"]


def rows(outcomes: list[Outcome]) -> list[list[str]]:
    """The table: a line for each fault and task that was played, with the clean round first and the sum last.

    `tries` are the most that a task of a run needed, `seconds` the median of whole runs.
    """
    keys = [("", ""), *((fault, task) for fault in FAULTS for task in TASKS)]
    groups = [(key, [each for each in outcomes if (each.round.fault, each.round.task) == key]) for key in keys]
    lines = [row(fault or "none", task, group) for (fault, task), group in groups if group]
    return [*lines, row("all", "", outcomes)] if outcomes else []


def row(fault: str, task: str, group: list[Outcome]) -> list[str]:
    states = [each.state for each in group]
    tries = sorted({each.most_tries for each in group})
    counts = [
        len(group),
        sum(each.struck for each in group),
        f"{tries[0]} to {tries[-1]}" if len(tries) > 1 else tries[0],
        states.count("success"),
        states.count("failed"),
        sum(len(each.versions) for each in group),
    ]
    return [fault, task, *map(str, counts), f"{statistics.median(each.seconds for each in group):.0f}"]


def plan_rows(planned: list[Round]) -> list[list[str]]:
    """The plan as a table."""
    return [
        [str(e.number), e.fault, e.task, f"{e.moment:.3f}", f"{e.seconds:.1f}" if e.seconds else "", str(e.rows)]
        for e in planned
    ]


def as_data(
    seed: int, branch: str, usual: dict[str, float], outcomes: list[Outcome], checks: list[PromiseCheck]
) -> Any:
    """Everything that is known about a drill, for scripts."""
    return {
        "seed": seed,
        "branch": branch,
        "usual_seconds": {task: round(seconds, 2) for task, seconds in usual.items()},
        "rounds": [{**asdict(each), "round": asdict(each.round)} for each in outcomes],
        "checks": [{**asdict(each), "kept": not each.problems} for each in checks],
    }
