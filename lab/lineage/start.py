"""Starts a run of the pipeline by the REST API, follows it task by task, and finds the data version that it made."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from lab import ui
from lab.access import BRANCH, DAG, Access
from lab.components.airflow import PATIENCE, RUN_ENDED, Airflow
from lab.components.storage import object_key
from lab.errors import CheckFailedError, NotRunningError, ServiceError
from lab.lineage import versions
from lab.lineage.versions import DataVersion
from lab.wait import NotYetError, wait_until

ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}
PAUSE = 0.25
CODE_GONE = re.compile(r"Version ([0-9a-f]{12})[0-9a-f]* not found in the repository")
"""What Airflow's GitDagBundle says in a pod where it clones anew; a node that has the commit still runs the step."""


@dataclass(frozen=True)
class Result:
    """What a run came to. `seconds` from the trigger to the end of the run; `version` is None if it added no rows."""

    run_id: str
    seconds: float
    task_seconds: dict[str, float]
    version: DataVersion | None
    object_url: str


def run_pipeline(access: Access, parameters: dict[str, Any], limit: float) -> Result:
    """Run the pipeline once, showing its tasks.

    Raises:
        CheckFailedError: the run failed; the message holds the task and its own error line.
        ServiceError: the limit was reached; the run goes on.
    """
    with Airflow(access, PATIENCE) as airflow:
        airflow.patiently(lambda: require_runnable(airflow))
        started = time.monotonic()
        run_id = airflow.trigger(DAG, parameters)
        ui.say(f"Run {run_id} (≤ {limit:.0f} s)")
        with ui.live_list() as shown:
            state, tasks = follow(airflow, run_id, shown, limit)
        seconds = time.monotonic() - started
        failed = [task for task in tasks if task["state"] == "failed"]
        if failed or state != "success":
            raise failure(airflow, run_id, failed)
    version = version_of(access, run_id, parameters.get("branch"))
    url = f"s3://{access.settings.storage.bucket}/{object_key(access, version.md5)}" if version and version.md5 else ""
    return Result(run_id, round(seconds, 2), {t["task_id"]: round(t["seconds"] or 0, 2) for t in tasks}, version, url)


def require_runnable(airflow: Airflow) -> None:
    dag = airflow.dag()
    if dag is None:
        errors = airflow.import_errors()
        raise ServiceError(
            f"Airflow does not know the DAG {DAG}" + (f": {errors[0]}" if errors else ""),
            "mend the DAG in the lab's repository and push, or look at make lab-logs SERVICE=airflow-dag-processor",
        )
    if dag["is_paused"]:
        raise ServiceError(f"the DAG {DAG} is paused: a run would wait", "unpause it in Airflow's UI, then try again")


def follow(airflow: Airflow, run_id: str, shown: ui.LiveList, limit: float) -> tuple[str, list[dict[str, Any]]]:
    """Show each task from the moment it is scheduled until it ends; the state of the run at its end, and its tasks."""
    open_tasks: set[str] = set()
    closed: set[str] = set()

    def look() -> tuple[str, list[dict[str, Any]]]:
        try:
            return look_once()
        except NotRunningError as error:  # it comes back, and the run with it
            raise NotYetError(error.message) from error

    def look_once() -> tuple[str, list[dict[str, Any]]]:
        state = str(airflow.run(DAG, run_id)["state"])
        tasks = airflow.tasks(DAG, run_id)
        for task in tasks:
            name, its_state = task["task_id"], task["state"]
            if its_state in {None, "removed"} or name in closed:
                continue
            if name not in open_tasks:
                open_tasks.add(name)
                shown.start(name, name, limit)
            shown.note(name, describe(task))
            if its_state in ENDED:
                closed.add(name)
                shown.end(name, "✓" if its_state == "success" else "✗", "" if its_state == "success" else its_state)
        if state not in RUN_ENDED:
            raise NotYetError(f"at {', '.join(sorted(open_tasks - closed)) or 'its start'}")
        return state, tasks

    return wait_until(
        look, what=f"run {run_id}", limit=limit, pause=PAUSE,
        hint=f"the run goes on in Airflow: {airflow.access.run_hint(run_id)}",
    )  # fmt: skip


def describe(task: dict[str, Any]) -> str:
    state = str(task["state"]).replace("_", " ")
    return f"{state} (try {task['try_number']})" if (task["try_number"] or 0) > 1 else state


def failure(airflow: Airflow, run_id: str, failed: list[dict[str, Any]]) -> CheckFailedError:
    hint = airflow.access.run_hint(run_id)
    if not failed:
        return CheckFailedError(f"run {run_id} failed", hint)
    task = failed[0]
    name = task["task_id"]
    try:
        lines = airflow.task_log(DAG, run_id, name, task["try_number"])
    except NotRunningError as error:  # as when Airflow has no credentials for the bucket
        return CheckFailedError(f"{name} failed, and its log cannot be read", "make lab-status", error.message)
    told, hints = told_in(lines, "error"), told_in(lines, "hint")
    if told:
        return CheckFailedError(f"{name}: {told[-1]}", hints[-1] if hints else hint)
    if gone := CODE_GONE.search("\n".join(lines)):
        return CheckFailedError(
            f"{name}: the history of the repository was rewritten: {gone[1]}, whose DAG this run began with, is gone",
            "the run made no data version; start another, which begins with the branch as it is now",
        )
    return CheckFailedError(f"{name} failed", hint, "\n".join(lines[-12:]))


def told_in(lines: list[str], kind: str) -> list[str]:
    """What a step said in the lines of its log that begin with `error:` or `hint:`."""
    return [line.removeprefix(f"{kind}: ") for line in lines if line.startswith(f"{kind}: ")]


def version_of(access: Access, run_id: str, branch: str | None) -> DataVersion | None:
    known = versions.of_branch(access, branch or BRANCH)
    return next((each for each in reversed(known) if each.run_id == run_id), None)
