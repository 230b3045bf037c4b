"""Plays the rounds of a plan: starts a run in each, injects its fault, and waits for the end of the run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field

from lab.access import DAG, Access
from lab.airflow.client import PATIENCE, RUN_ENDED, Airflow
from lab.drill.injector import FaultInjector, RunningStep
from lab.drill.outcome import Outcome
from lab.drill.plan import EVICT, KILL, KILL_TASK, SECONDS, TASKS, Round, clean_round
from lab.errors import LabError, NotRunningError, ServiceError
from lab.lineage.start import require_runnable, said_in
from lab.ui import LiveList
from lab.wait import NotYetError, wait_until

RUN_LIMIT = 900
"""Seconds that a run may take with all its tries."""
PAUSE = 0.1
ASK_SECONDS = 2.0
"""How often Airflow is queried for a run while its steps are looked for."""
UNSEEN = 1.0
"""Seconds assumed for a step that was not seen, as can happen to a short one on a busy machine."""


class InterruptedDrillError(Exception):
    """Another round failed, or the user pressed Ctrl-C; never leaves this module."""


@dataclass
class Drill:
    """A running drill. `usual` are the seconds that the step of each task takes."""

    access: Access
    injector: FaultInjector
    branch: str
    shown: LiveList
    usual: dict[str, float] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    one_away: threading.Lock = field(default_factory=threading.Lock)
    """Held while a service is away: two rounds at once never take the same one."""

    def play(self, planned: list[Round], seed: int, at_once: int, done: Callable[[Outcome], None]) -> None:
        """Play a clean round, then all of the plan, `at_once` at a time; `done` is called with each outcome.

        Raises:
            LabError: a round could not be played; running ones have been ended.
        """
        self.injector.prepare({each.fault for each in planned})
        done(self.round(clean_round(seed)))
        with ThreadPoolExecutor(at_once) as pool:
            playing = [pool.submit(lambda each=each: done(self.round(each))) for each in planned]  # type: ignore[misc]
            try:
                ended = wait(playing, return_when=FIRST_EXCEPTION).done
            finally:
                self.stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
        raise_first(ended)

    def round(self, planned: Round) -> Outcome:
        """Start the run, inject the fault, and wait for the run's end."""
        key, started = str(planned.number), time.monotonic()
        self.shown.start(key, title(planned), RUN_LIMIT)
        try:
            with Airflow(self.access, PATIENCE) as airflow:
                airflow.patiently(lambda: require_runnable(airflow))
                run_id = airflow.trigger(DAG, {"rows": planned.rows, "branch": self.branch})
                outcome = Outcome(planned, run_id)
                self.strike(airflow, outcome) if planned.fault else self.measure(airflow, run_id)
                self.shown.note(key, outcome.note)
                self.end(airflow, outcome)
        except BaseException:
            self.shown.end(key, "·", "interrupted")
            raise
        outcome.seconds = round(time.monotonic() - started, 1)
        self.shown.end(key, "✓" if outcome.state == "success" else "✗", summary(outcome))
        return outcome

    def measure(self, airflow: Airflow, run_id: str) -> None:
        """Learn from a clean run how long each step takes."""
        for task in TASKS:
            step = self.step(airflow, run_id, task)
            self.usual[task] = step.lasts(RUN_LIMIT) if step else UNSEEN

    def strike(self, airflow: Airflow, outcome: Outcome) -> None:
        planned = outcome.round
        step = self.step(airflow, outcome.run_id, planned.task)
        if step is None:
            outcome.note = f"{planned.task} was not seen running"
        elif not step.outlives(planned.moment * self.usual[planned.task]):
            outcome.note = "ended before the fault"
            self.usual[planned.task] = step.lasts(0)  # the clean run was slower: its caches were empty
        elif planned.fault in SECONDS:
            self.take_away(outcome)
        else:
            hit = {KILL: step.kill, KILL_TASK: step.kill_task, EVICT: step.evict}[planned.fault]
            outcome.struck = hit()
            outcome.note = "hit" if outcome.struck else "ended before the fault"

    def take_away(self, outcome: Outcome) -> None:
        """Take the service away for the planned seconds; note whether a step of the run was at work then."""
        with self.one_away, self.injector.away(outcome.round.fault):
            until = time.monotonic() + outcome.round.seconds
            while time.monotonic() < until and not self.stop.wait(PAUSE):
                outcome.struck = outcome.struck or self.injector.at_work(outcome.run_id)
        outcome.note = "hit" if outcome.struck else "no step was running"

    def step(self, airflow: Airflow, run_id: str, task: str) -> RunningStep | None:
        """The step of the task as soon as it is at work; None if the run ends without."""
        asked = time.monotonic()

        def probe() -> RunningStep | None:
            nonlocal asked
            self.go_on()
            found = self.injector.find(run_id, task)
            if found is None and time.monotonic() - asked > ASK_SECONDS:
                asked = time.monotonic()
                if state_of(airflow, run_id) in RUN_ENDED:
                    return None
            if found is None:
                raise NotYetError("no step")
            return found

        return wait_until(probe, what=f"{task} of {run_id}", limit=RUN_LIMIT, pause=PAUSE)

    def end(self, airflow: Airflow, outcome: Outcome) -> None:
        """Wait for the end of the run, and note how it ended."""

        def probe() -> str:
            self.go_on()
            state = state_of(airflow, outcome.run_id)
            if state not in RUN_ENDED:
                raise NotYetError(f"the run is {state}")
            return state

        hint = self.access.run_hint(outcome.run_id)
        outcome.state = wait_until(probe, what=f"run {outcome.run_id}", limit=RUN_LIMIT, pause=0.5, hint=hint)
        tasks = airflow.patiently(lambda: airflow.tasks(DAG, outcome.run_id))
        outcome.tries = {task["task_id"]: task["try_number"] or 0 for task in tasks}
        if outcome.state == "failed":
            outcome.note += f"; {reason(airflow, outcome)}"

    def go_on(self) -> None:
        if self.stop.is_set():
            raise InterruptedDrillError


def state_of(airflow: Airflow, run_id: str) -> str:
    """The state of the run; while Airflow does not answer, the run counts as running."""
    try:
        return str(airflow.run(DAG, run_id)["state"])
    except NotRunningError:
        return "unknown"


def reason(airflow: Airflow, outcome: Outcome) -> str:
    """Why the run failed: the error of the last task that was tried."""
    task = [name for name, tries in outcome.tries.items() if tries][-1]
    with suppress(LabError):
        lines = airflow.task_log(DAG, outcome.run_id, task, outcome.tries[task])
        return f"{task}: {(said_in(lines, 'error') or lines or ['no log'])[-1]}"
    return f"{task} failed, and its log cannot be read"


def raise_first(ended: set[Future[None]]) -> None:
    """Raise what ended the drill, if anything did."""
    errors = [error for future in ended if (error := future.exception())]
    own = [error for error in errors if not isinstance(error, InterruptedDrillError)]
    if own:
        raise own[0]
    if errors:
        raise ServiceError("the drill was ended", "make drill")


def title(planned: Round) -> str:
    """A round in one line."""
    if not planned.fault:
        return f"Round 0: no fault, {planned.rows} rows"
    away = f" for {planned.seconds:.0f} s" if planned.seconds else ""
    return f"Round {planned.number}: {planned.fault}{away} at {planned.moment:.0%} of {planned.task}"


def summary(outcome: Outcome) -> str:
    tries = f"{outcome.most_tries} tries" if outcome.most_tries > 1 else "1 try"
    return ", ".join(filter(None, [outcome.note, tries]))
