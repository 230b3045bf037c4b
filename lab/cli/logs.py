"""`lab logs`."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command(
        help="Show the log of a service, or of a run's tasks; without a name, the last lines of every service.",
        epilog="Example: lab logs airflow-scheduler --follow · lab logs --run latest --task push_data",
    )(logs)


def logs(
    service: Annotated[str | None, typer.Argument(help="A service, as lab status names them.")] = None,
    run: Annotated[str | None, typer.Option(help="A run id, or `latest`: the logs of its tasks.")] = None,
    task: Annotated[str | None, typer.Option(help="Only this task of the run.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the log; end with Ctrl-C.")] = False,
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.errors import NotFoundError

    chosen, _ = context.engine()
    if run is not None or task is not None:
        show_run(run or "latest", task)
        return
    names = chosen.service_names()
    if service is not None and service not in names:
        raise NotFoundError(f"there is no service {service!r}", f"services: {', '.join(names)}")
    if service is None:
        for name in names:
            ui.output.print(f"== {name}", markup=False)
            ui.output.out(chosen.log(name, min(lines, 10)) or "(no log yet)", highlight=False)
        return
    if not follow:
        ui.output.out(chosen.log(service, lines) or "(no log yet)", highlight=False)
        return
    with contextlib.suppress(KeyboardInterrupt):  # how following ends
        ui.output.out(chosen.log(service, lines) or "(no log yet)", highlight=False)
        for added in chosen.follow(service):
            sys.stdout.write(added)
            sys.stdout.flush()


def show_run(run_id: str, task_id: str | None) -> None:
    from lab import ui
    from lab.access import DAG
    from lab.airflow.client import PATIENCE, Airflow
    from lab.cli import context
    from lab.errors import NotFoundError

    with Airflow(context.access(), PATIENCE) as airflow:
        if run_id == "latest":
            runs = airflow.runs(DAG, 1)
            if not runs:
                raise NotFoundError("there is no run yet", "make lab-run")
            run_id = runs[0]["dag_run_id"]
        try:
            tasks = [task for task in airflow.tasks(DAG, run_id) if task_id in {None, task["task_id"]}]
        except NotFoundError as error:
            raise NotFoundError(f"there is no run {run_id!r} of {DAG}", "make lab-history lists runs") from error
        if not tasks:
            raise NotFoundError(f"run {run_id} has no task {task_id}", "tasks: pull_data, modify_data, push_data")
        for task in tasks:
            ui.output.print(f"== {run_id} {task['task_id']}: {task['state']}", markup=False)
            for attempt in range(1, (task["try_number"] or 0) + 1):
                for line in airflow.task_log(DAG, run_id, task["task_id"], attempt):
                    ui.output.out(line, highlight=False)
