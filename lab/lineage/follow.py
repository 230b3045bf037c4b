"""Follows a run of the pipeline in Airflow, task by task, until it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab import ui
from lab.access import DAG
from lab.airflow.client import RUN_ENDED, TASK_ENDED, Airflow
from lab.errors import NotRunningError, ServiceError
from lab.wait import NotYetError, wait_until

PAUSE = 0.25
QUIET_SECONDS = 3.0
"""How long no task may run before the reason is looked for: the scheduler needs a second between two tasks."""
STUCK_SECONDS = 30.0
"""How long the DAG of a run that waits may be broken until watching ends: a correction may be on its way."""
GAP = "waiting"
Task = dict[str, Any]


@dataclass
class Follower:
    """One run as its tasks are shown. `commit` is that of its DAG code, empty until Airflow says it."""

    airflow: Airflow
    run_id: str
    shown: ui.LiveList
    limit: float
    on_commit: Callable[[str], None]
    commit: str = ""
    tasks: list[Task] = field(default_factory=list)
    open: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    quiet_since: float = field(default_factory=time.monotonic)
    reason: str = ""
    away: str = ""
    broken_since: float | None = None

    def to_the_end(self) -> tuple[str, list[Task]]:
        """Show each task from the moment it is scheduled until it ends.

        Returns:
            The state of the run, and its tasks, when nothing of it will run any more: Airflow has marked the run as
            ended, or every task of a run with one version of its DAG is in a terminal state. The latter is the end of
            a run with a DAG that no longer loads: the scheduler does not schedule it again.

        Raises:
            ServiceError: the limit was reached, or the run waits for a DAG that no longer loads; the run continues.
        """
        hint = f"the run continues in Airflow: {self.airflow.access.run_hint(self.run_id)}"
        try:
            return wait_until(self.look, what=f"run {self.run_id}", limit=self.limit, pause=PAUSE)
        except ServiceError as error:
            if not isinstance(error.__cause__, NotYetError):
                raise
            message = f"run {self.run_id} did not finish within {self.limit:.0f} s; {self.so_far()}"
            raise ServiceError(message, hint) from error

    def look(self) -> tuple[str, list[Task]]:
        try:
            run = self.airflow.run(DAG, self.run_id)
            self.tasks = self.airflow.tasks(DAG, self.run_id)
        except NotRunningError as error:  # Airflow restarts, and continues the run
            self.away = error.message
            raise NotYetError(error.message) from error
        self.away = ""
        if not self.commit and run.get("bundle_version"):
            self.commit = str(run["bundle_version"])
            self.on_commit(self.commit)
        self.show_tasks()
        state = str(run["state"])
        if state not in RUN_ENDED and not self.is_over():
            self.explain(state)
            raise NotYetError
        self.shown.drop(GAP)
        return (state if state in RUN_ENDED else state_of(self.tasks)), self.tasks

    def is_over(self) -> bool:
        """Whether all tasks have ended for good.

        A run has all its tasks from its first moment, those that are to be mapped included, as long as it keeps the
        version of its DAG. A run without one takes up tasks that are added to the DAG, so only Airflow ends it.
        """
        return bool(self.commit and self.tasks) and all(task["state"] in TASK_ENDED for task in self.tasks)

    def show_tasks(self) -> None:
        for task in self.tasks:
            name, state = label(task), task["state"]
            if state in {None, "removed"} or name in self.closed:
                continue
            if name not in self.open:
                self.open.add(name)
                self.shown.drop(GAP)
                self.shown.start(name, name, self.limit)
            if state in TASK_ENDED:
                self.closed.add(name)
                self.quiet_since = time.monotonic()
                self.shown.end(name, *ending(task, self.tasks))
            else:
                self.shown.note(name, describe(task))

    def explain(self, state: str) -> None:
        """While no task runs for longer than the scheduler needs, show what the run waits for."""
        if self.open - self.closed:
            self.quiet_since, self.broken_since = time.monotonic(), None
        if time.monotonic() - self.quiet_since < QUIET_SECONDS:
            return
        self.quiet_since = time.monotonic()
        if GAP not in self.shown.lines:
            self.shown.start(GAP, f"Waiting for Airflow's scheduler (the run is {state})", self.limit)
        try:
            trouble = self.airflow.why_not_loaded(self.airflow.dag())
        except (NotRunningError, ServiceError) as error:
            self.reason = error.message
        else:
            self.reason = f"the DAG {DAG} no longer loads: {trouble}" if trouble else ""
            self.give_up_on(trouble)
        self.shown.note(GAP, self.reason)

    def give_up_on(self, trouble: str) -> None:
        """Stop watching a run that Airflow's scheduler has skipped for long enough because its DAG does not load."""
        if not trouble:
            self.broken_since = None
            return
        self.broken_since = self.broken_since or time.monotonic()
        if time.monotonic() - self.broken_since > STUCK_SECONDS:
            hint = "correct it in the lab's repository and push: the run then continues in Airflow"
            raise ServiceError(f"run {self.run_id} waits: {self.reason}", hint)

    def so_far(self) -> str:
        """The progress of the tasks, in words."""
        if self.away:
            return self.away
        at_work = [describe_with_name(task) for task in self.tasks if label(task) in self.open - self.closed]
        if at_work:
            return ", ".join(at_work)
        if self.tasks and all(task["state"] in TASK_ENDED for task in self.tasks):
            state = "its tasks succeeded" if state_of(self.tasks) == "success" else "its tasks have ended"
        else:
            done = [label(task) for task in self.tasks if label(task) in self.closed]
            state = f"after {done[-1]} no task was started" if done else "no task was started"
        return f"{state}: {self.reason}" if self.reason else state


def label(task: Task) -> str:
    """The name of a task instance: one of a mapped task has its index."""
    index = task.get("map_index", -1)
    return str(task["task_id"]) if index < 0 else f"{task['task_id']}[{index}]"


def describe(task: Task) -> str:
    state = str(task["state"]).replace("_", " ")
    return f"{state} (try {task['try_number']})" if (task["try_number"] or 0) > 1 else state


def describe_with_name(task: Task) -> str:
    return f"{label(task)} is {describe(task)}"


def ending(task: Task, tasks: list[Task]) -> tuple[str, str]:
    """The mark and the note of a task that has ended."""
    state = task["state"]
    if state == "success":
        return "✓", ""
    if state == "upstream_failed":
        failed = [label(each) for each in tasks if each["state"] == "failed"]
        return "–", f"skipped ({', '.join(failed) or 'a task before it'} failed)"
    return ("–" if state == "skipped" else "✗"), str(state)


def state_of(tasks: list[Task]) -> str:
    """The state of a run when all its tasks have ended."""
    return "failed" if {"failed", "upstream_failed"} & {task["state"] for task in tasks} else "success"
