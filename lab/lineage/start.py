"""Starts a run of the pipeline by the REST API, follows it task by task, and finds the data version that it made."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Any

from lab import ui
from lab.access import BRANCH, DAG, Access
from lab.airflow.client import PATIENCE, UNDEFINED, Airflow
from lab.airflow.dag_errors import CORRECT
from lab.airflow.task_log import CODE_GONE
from lab.components import repository
from lab.components.storage import object_key
from lab.errors import CheckFailedError, NotFoundError, NotRunningError, ServiceError, StoppedError
from lab.lineage import versions
from lab.lineage.follow import Follower, label
from lab.lineage.versions import DataVersion
from lab.pipeline.git import GitError

CLONE_LIMIT = 60
"""The most seconds that reading the history takes on a slow machine; shown, not enforced."""


@dataclass(frozen=True)
class Result:
    """What a run came to. `seconds` from the trigger to the end of the run; `version` is None if it added no rows.

    `dag_commit` is the commit of its DAG code, empty where Airflow does not say it (git-sync).
    """

    run_id: str
    seconds: float
    task_seconds: dict[str, float]
    version: DataVersion | None
    object_url: str
    dag_commit: str = ""


def run_pipeline(access: Access, parameters: dict[str, Any], limit: float) -> Result:
    """Run the pipeline once, showing its tasks.

    Raises:
        NotFoundError: the branch does not exist; no run was started.
        CheckFailedError: the run failed; the message holds the task and its own error line.
        ServiceError: the limit was reached; the run continues.
        StoppedError: the user stopped watching; the run continues.
    """
    branch = parameters.get("branch")
    if branch is not None:
        require_branch(access, branch)
    with Airflow(access, PATIENCE) as airflow:
        airflow.patiently(lambda: require_runnable(airflow))
        started = time.monotonic()
        run_id = start(airflow, parameters)
        ui.say(f"Run {run_id} (limit {limit:.0f} s)")
        try:
            with ui.live_list() as shown:
                run = Follower(airflow, run_id, shown, limit, lambda commit: ui.say(f"DAG code of commit {commit}"))
                state, tasks = run.to_the_end()
        except KeyboardInterrupt as error:
            raise StoppedError(
                f"Stopped watching. Run {run_id} continues in Airflow.", access.run_hint(run_id)
            ) from error
        seconds = time.monotonic() - started
        failed = [task for task in tasks if task["state"] == "failed"]
        if failed or state != "success":
            raise failure(airflow, run_id, failed)
        warn_of_newer_code(airflow)
    with ui.live_list() as shown:
        shown.start("", f"Looking for the version on the branch {branch or BRANCH}", CLONE_LIMIT)
        version = version_of(access, run_id, branch)
        shown.drop("")
    url = f"s3://{access.settings.storage.bucket}/{object_key(access, version.md5)}" if version and version.md5 else ""
    task_seconds = {label(task): round(task["seconds"] or 0, 2) for task in tasks}
    return Result(run_id, round(seconds, 2), task_seconds, version, url, run.commit)


def start(airflow: Airflow, parameters: dict[str, Any]) -> str:
    """Start the run and return its id; the error says why if the DAG no longer loads since it was checked."""
    try:
        return airflow.trigger(DAG, parameters)
    except NotFoundError:
        require_runnable(airflow)
        raise


def require_branch(access: Access, branch: str) -> None:
    """Refuse a branch that the lab's repository does not have."""
    try:
        known = repository.branches(access)
    except GitError as error:
        raise ServiceError(error.message, access.status_hint) from error
    if branch not in known:
        raise versions.no_branch(branch, known)


def require_runnable(airflow: Airflow) -> None:
    """Refuse a DAG that Airflow cannot run now.

    Raises:
        ServiceError: the DAG does not load, at which file and line, or is paused.
    """
    dag = airflow.dag()
    if trouble := airflow.why_not_loaded(dag):
        hint = "make lab-up if it was interrupted, or push a file that has it" if trouble == UNDEFINED else CORRECT
        raise ServiceError(f"the DAG {DAG} does not load: {trouble}", hint)
    if dag and dag["is_paused"]:
        raise ServiceError(f"the DAG {DAG} is paused: a run would stay queued", "unpause it in Airflow's UI")


def warn_of_newer_code(airflow: Airflow) -> None:
    """Warn that the run used older code than the head of the branch, if the code at the head does not load."""
    with contextlib.suppress(NotRunningError, ServiceError):
        if trouble := airflow.why_not_loaded(airflow.dag()):
            ui.say(f"warning: the DAG {DAG} no longer loads: {trouble}; this run used the code before it")


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
    errors, hints = said_in(lines, "error"), said_in(lines, "hint")
    if errors:
        return CheckFailedError(f"{name}: {errors[-1]}", hints[-1] if hints else hint)
    if gone := CODE_GONE.search("\n".join(lines)):
        return CheckFailedError(
            f"{name}: the history of the repository was rewritten: {gone[1]}, the commit of this run's DAG, is gone",
            "the run made no data version; start another, which begins with the branch as it is now",
        )
    return CheckFailedError(f"{name} failed", hint, "\n".join(lines[-12:]))


def said_in(lines: list[str], kind: str) -> list[str]:
    """What a step said in the lines of its log that begin with `error:` or `hint:`."""
    return [line.removeprefix(f"{kind}: ") for line in lines if line.startswith(f"{kind}: ")]


def version_of(access: Access, run_id: str, branch: str | None) -> DataVersion | None:
    known = versions.of_branch(access, branch or BRANCH)
    return next((each for each in reversed(known) if each.run_id == run_id), None)
