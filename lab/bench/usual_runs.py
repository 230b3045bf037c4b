"""Data versions made in the usual way: the plain DAG of usual_way/ in a repository, run by Airflow's REST API."""

from __future__ import annotations

import shutil
import time

from lab import ui
from lab.access import BRANCH, LoopbackAccess
from lab.airflow.client import Airflow
from lab.bench.usual import SCRIPTS
from lab.components import gitea, repository, storage
from lab.errors import CheckFailedError, NotRunningError, ServiceError
from lab.lineage.follow import PAUSE
from lab.wait import NotYetError, wait_until

DAG = "plain"
LOAD_LIMIT, RUN_LIMIT = 300, 900


def publish(access: LoopbackAccess) -> None:
    """Make the repository with version 1 of the dataset and the plain DAG instead of the lab's, and wait for Airflow.

    Raises:
        ServiceError: Airflow did not load it.
    """
    with ui.step("The usual way: repository, dataset and DAG", LOAD_LIMIT):
        storage.ensure_bucket(access)
        gitea.set_up(access)
        repository.seed(access)
        push_dag(access)
        wait_until(lambda: unpause(access), what=f"the DAG {DAG}", limit=LOAD_LIMIT, pause=1)


def push_dag(access: LoopbackAccess) -> None:
    folder = access.paths.temporary / "plain"
    shutil.rmtree(folder, ignore_errors=True)
    clone = repository.clone(access, folder)
    shutil.rmtree(folder / "dags")
    (folder / "dags").mkdir()
    shutil.copy2(SCRIPTS / "plain_dag.py", folder / "dags")
    clone.run("add", "--all")
    clone.run("commit", "--quiet", "--message", "A plain DAG")
    clone.run("push", "--quiet", "origin", f"HEAD:{BRANCH}")
    shutil.rmtree(folder)


def unpause(access: LoopbackAccess) -> None:
    try:
        with Airflow(access) as airflow:
            if airflow.dag(DAG) is None:
                raise NotYetError(str(next(iter(airflow.import_errors()), "not parsed yet")))
            airflow.request("PATCH", f"/api/v2/dags/{DAG}", json={"is_paused": False})
    except (NotRunningError, ServiceError) as error:
        raise NotYetError(error.message) from error


def run(access: LoopbackAccess, title: str) -> tuple[float, dict[str, float]]:
    """One run: seconds from the trigger to its end, as `lab run` reports them, and of each task.

    Raises:
        CheckFailedError: it did not succeed; the log of the task is the detail.
    """
    with Airflow(access) as airflow, ui.step(title, RUN_LIMIT):
        started = time.monotonic()
        run_id = airflow.trigger(DAG, {})
        state = wait_until(lambda: ended(airflow, run_id), what=f"run {run_id}", limit=RUN_LIMIT, pause=PAUSE)
        seconds = time.monotonic() - started
        tasks = airflow.tasks(DAG, run_id)
        if state != "success":
            raise failure(airflow, run_id, tasks)
    return seconds, {task["task_id"]: task["seconds"] or 0.0 for task in tasks}


def ended(airflow: Airflow, run_id: str) -> str:
    """The state of a run that has ended; NotYetError before that."""
    try:
        state = str(airflow.run(DAG, run_id)["state"])
    except NotRunningError as error:  # as in `lab run`: it is restarted
        raise NotYetError(error.message) from error
    if state not in {"success", "failed"}:
        raise NotYetError(state)
    return state


def failure(airflow: Airflow, run_id: str, tasks: list[dict[str, object]]) -> CheckFailedError:
    failed = next((task for task in tasks if task["state"] == "failed"), None)
    if failed is None:
        return CheckFailedError(f"the plain DAG failed: run {run_id}")
    name = str(failed["task_id"])
    lines = airflow.task_log(DAG, run_id, name, int(str(failed["try_number"])))
    return CheckFailedError(f"the plain DAG failed at {name}", detail="\n".join(lines[-12:]))
