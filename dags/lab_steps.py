"""Turns a step of the pipeline into a task: a pod on Kubernetes, a process where there is none.

Command and environment are the same for both. Which one it is, and what differs between places, stands in the
environment of Airflow (PIPELINE_*), which the overlays set.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

if TYPE_CHECKING:
    from airflow.sdk import Context

STEP_LIMIT = timedelta(minutes=float(os.environ.get("PIPELINE_STEP_MINUTES", "60")))
"""How long one try of a step may take; Airflow then ends it, and tries it again as after any failure."""

# What a run is. Airflow fills the templates in; a run started by hand has no logical date, so the date is run_after's.
RUN = {
    "PIPELINE_RUN_ID": "{{ run_id }}",
    "PIPELINE_DAG_ID": "{{ dag.dag_id }}",
    "PIPELINE_CODE_VERSION": "{{ ti.bundle_instance.version or '' }}",
    "PIPELINE_RUN_DATE": "{{ dag_run.run_after.strftime('%Y-%m-%d') }}",
    "PIPELINE_BRANCH": "{{ params.branch }}",
    "PIPELINE_DATASET": "{{ params.dataset }}",
    "PIPELINE_ROWS": "{{ params.rows }}",
    "PIPELINE_TRIES_LEFT": "{{ [ti.max_tries - ti.try_number + 1, 0] | max }}",
}
HOPELESS = {
    64: "a wrong parameter",
    65: "a broken dataset",
    76: "a rewritten history",
}  # sysexits.h: trying again would not help


def step(task_id: str, name: str) -> BaseOperator:
    """The task that runs `python -m lab.pipeline <name>` in the worker's environment."""
    command = ["python", "-m", "lab.pipeline", name]
    place = {name: os.environ[name] for name in ("PIPELINE_REPOSITORY", "PIPELINE_SHARED_DIR") if name in os.environ}
    operator = os.environ.get("PIPELINE_OPERATOR", "pod")
    return {"pod": pod, "process": process}[operator](task_id, command, {**RUN, **place})


def process(task_id: str, command: list[str], environment: dict[str, str]) -> BaseOperator:
    return ProcessOperator(task_id=task_id, command=command, environment=environment)


def pod(task_id: str, command: list[str], environment: dict[str, str]) -> BaseOperator:
    import lab_pods  # noqa: PLC0415 - slow

    return lab_pods.pod(task_id, command, environment, HOPELESS)


class ProcessOperator(BaseOperator):
    """Runs a command as a child process, its output in the task log; stands in for a pod."""

    template_fields = ("environment",)

    def __init__(self, *, command: list[str], environment: dict[str, str], **options: Any) -> None:
        super().__init__(**options)
        self.command = command
        self.environment = environment
        self.hook: Any = None

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Run the command; a status that no retry can repair fails the task permanently."""
        from airflow.providers.standard.hooks.subprocess import SubprocessHook  # noqa: PLC0415

        path = f"{os.environ['PIPELINE_PATH']}:{os.environ['PATH']}"
        # Airflow's own settings and secrets stay out of the step, as they do in a pod.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "_AIRFLOW"))}
        self.hook = SubprocessHook()
        result = self.hook.run_command(
            [f"{os.environ['PIPELINE_PATH']}/{self.command[0]}", *self.command[1:]],
            env={**inherited, "PATH": path, "PIPELINE_TASK_PROCESS": str(os.getpid()), **self.environment},
        )
        if result.exit_code in HOPELESS:
            raise AirflowFailException(f"{self.task_id}: {HOPELESS[result.exit_code]}, see the lines above")
        if result.exit_code != 0:
            raise AirflowException(f"{self.task_id} ended with exit status {result.exit_code}, see the lines above")

    def on_kill(self) -> None:
        if self.hook:
            self.hook.send_sigterm()
