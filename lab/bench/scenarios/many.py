"""Many runs at once, and the same number one after the other: from the first trigger to the last version."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil

from lab import ui
from lab.access import DAG, Access
from lab.airflow.client import PATIENCE, RUN_ENDED, Airflow
from lab.bench.figures import Figure, at_most, figure, ratio
from lab.errors import NotRunningError, ServiceError
from lab.wait import NotYetError, wait_until

MANY, KIND_MANY = "many", "kind-many"
COUNT = 20
LIMIT = 1800
PAUSE = 0.25


@dataclass(frozen=True)
class Spent:
    """Wall-clock seconds, and processor seconds of the whole machine, which nothing else uses meanwhile."""

    clock: float
    processor: float

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.clock + other.clock, self.processor + other.processor)


def compare(access: Access, group: str) -> list[Figure]:
    """COUNT runs in turn, then COUNT at once, of which as many are active as the setting allows.

    Raises:
        ServiceError: one of them failed.
    """
    with Airflow(access, PATIENCE) as airflow:
        with ui.step(f"{COUNT} runs, one after the other", LIMIT):
            in_turn = sum((runs(airflow, 1) for _ in range(COUNT)), Spent(0, 0))
        with ui.step(f"{COUNT} runs at once, {access.settings.airflow.max_active_runs} active", LIMIT):
            at_once = runs(airflow, COUNT)
    note = f"{access.settings.airflow.max_active_runs} active at a time"
    goal = at_most(0.6) if group == MANY else None
    cores = os.cpu_count() or 1
    busy = f"{COUNT} runs' processor seconds on {cores} cores: the most that is possible"
    return [
        *figure(group, f"{COUNT} runs one after the other", "s", [in_turn.clock]),
        *figure(group, "  of the processor, each run", "s", [in_turn.processor / COUNT]),
        *figure(group, f"{COUNT} runs at once", "s", [at_once.clock], note=note),
        *figure(group, "  of the processor, each run", "s", [at_once.processor / COUNT]),
        *ratio(group, "at once : one after the other", [at_once.clock], [in_turn.clock], goal=goal),
        *figure(group, "  with every core busy", "times", [at_once.processor / cores / in_turn.clock], note=busy),
    ]


def runs(airflow: Airflow, count: int) -> Spent:
    """What it takes from the first trigger to the end of the last run."""
    started, busy = time.monotonic(), processor()
    with ThreadPoolExecutor(count) as threads:
        triggered = set(threads.map(lambda _: airflow.trigger(DAG, {}), range(count)))

    def ended() -> None:
        try:
            found = {run["dag_run_id"]: run["state"] for run in airflow.runs(DAG, limit=COUNT)}
        except NotRunningError as error:  # busy
            raise NotYetError(error.message) from error
        if failed := [run for run in triggered if found.get(run) == "failed"]:
            raise ServiceError(f"run {failed[0]} failed", "look at its log: the lab of the bench is kept")
        if open_runs := [run for run in triggered if found.get(run) not in RUN_ENDED]:
            raise NotYetError(f"{len(open_runs)} of {count} runs have not ended")

    wait_until(ended, what="the end of the runs", limit=LIMIT, pause=PAUSE)
    return Spent(time.monotonic() - started, processor() - busy)


def processor() -> float:
    """Seconds that all processors of the machine have worked since it started."""
    times = psutil.cpu_times()
    return sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq"))
