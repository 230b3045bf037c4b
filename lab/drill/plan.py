"""The plan of a drill, made before it starts: which fault hits which task of which round, and when.

The same seed gives the same plan on every machine: `random.Random` with an integer for its seed gives the same
sequence in every version of Python for `random()` (its documentation, "Notes on Reproducibility"), so all is drawn by
that.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

KILL, KILL_TASK, EVICT = "kill", "kill-task", "evict"
S3_503, S3_TIMEOUT, GIT_AWAY = "s3-503", "s3-timeout", "git-away"
FAULTS: Final = {
    KILL: "the process of the step gets SIGKILL",
    KILL_TASK: "Airflow's own process of the task gets SIGKILL; the step may live on",
    EVICT: "the step's pod is evicted; without Kubernetes, its process gets SIGTERM",
    S3_503: "S3 answers 503 to everything",
    S3_TIMEOUT: "S3 accepts connections and never answers",
    GIT_AWAY: "the Git server is away",
}
"""Every fault, with what it is."""
SECONDS: Final = {S3_503: (3, 10), S3_TIMEOUT: (5, 15), GIT_AWAY: (20, 20)}
"""The shortest and longest time that something is away."""
TASKS: Final = {"pull_data": "pull", "modify_data": "modify", "push_data": "push"}
"""Every task of the pipeline, with its step: `python -m lab.pipeline <step>`."""
MOST_ROWS: Final = 200
CLEAN: Final = ""
"""The fault of the first round, which has none: it measures how long each step usually takes."""
Card = TypeVar("Card")


@dataclass(frozen=True)
class Round:
    """One run, and what happens to it.

    `moment` is a part of the usual duration of the task's step, 0 at its start, 1 at its end; `seconds` is for how
    long something is away then, 0 for a fault that is over at once.
    """

    number: int
    fault: str
    task: str
    moment: float
    seconds: float
    rows: int


def make(seed: int, rounds: int) -> list[Round]:
    """The rounds of a drill. Each six of them have every fault once, each eighteen each fault in every task."""
    chance = random.Random(seed)  # noqa: S311 - what is wanted is to be repeatable
    faults = endless(chance, list(FAULTS))
    tasks = {fault: endless(chance, list(TASKS)) for fault in FAULTS}
    planned = []
    for number in range(1, rounds + 1):
        fault = next(faults)
        task = next(tasks[fault])
        least, most = SECONDS.get(fault, (0, 0))
        moment, seconds = round(chance.random(), 3), round(least + chance.random() * (most - least), 1)
        planned.append(Round(number, fault, task, moment, seconds, draw_rows(chance)))
    return planned


def clean_round(seed: int) -> Round:
    """The round before all others."""
    return Round(0, CLEAN, "", 0, 0, draw_rows(random.Random(seed)))  # noqa: S311 - as above


def draw_rows(chance: random.Random) -> int:
    return 1 + int(chance.random() * MOST_ROWS)


def endless(chance: random.Random, cards: list[Card]) -> Iterator[Card]:
    """Each card once in random order, then each again in another order, and so on."""
    while True:
        yield from sorted(cards, key=lambda _: chance.random())
