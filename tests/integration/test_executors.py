"""Which executor runs a task on Kubernetes, as Airflow itself decides it from a DAG and the lab's cluster policy."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.integration.checkout import Checkout

PERSON = """
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task
from lab_steps import step

with DAG("person"):
    BashOperator(task_id="usual", bash_command="true")
    BashOperator(task_id="named", bash_command="true", executor="KubernetesExecutor")
    BashOperator(task_id="local", bash_command="true", executor="LocalExecutor")
    path = "airflow.executors.local_executor.LocalExecutor"
    BashOperator.partial(task_id="mapped", executor=path).expand(bash_command=["true"])

    @task(executor="LocalExecutor")
    def taskflow():
        pass

    taskflow()
    step("watched", "pull")
    step("with_callback", "pull").on_failure_callback = [print]
"""
LOAD = """
import json, os, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization


def fails(hook):
    try:
        return hook and hook(None)
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def of(task):
    hook = task.partial_kwargs.get("pre_execute") if hasattr(task, "partial_kwargs") else task._pre_execute_hook
    return {"executor": task.executor, "fails": fails(hook)}

def load(steps):
    os.environ["PIPELINE_STEPS"] = steps
    bag = DagBag(sys.argv[1], include_examples=False)
    for dag in bag.dags.values():
        DagSerialization.to_dict(dag)  # what the scheduler gets
    return {dag.dag_id: {task.task_id: of(task) for task in dag.tasks} for dag in bag.dags.values()}

print("=>" + json.dumps({steps: load(steps) for steps in sys.argv[2:]}))
"""
Loaded = dict[str, dict[str, dict[str, dict[str, str | None]]]]
"""By value of the setting, DAG and task: its executor, and what it fails with before it runs."""
STEPS = {"pull_data", "modify_data", "push_data"}


@pytest.fixture(scope="module")
def loaded(lab: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """The lab's DAG and a person's as Airflow loads them on a cluster, for each value of `airflow.steps`."""
    folder = tmp_path_factory.mktemp("executors")
    dags = folder / "dags"
    dags.mkdir()
    for file in (lab.folder / "dags").glob("*.py"):
        (dags / file.name).write_bytes(file.read_bytes())
    (dags / "person.py").write_text(PERSON, "utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__EXECUTOR": "KubernetesExecutor,LocalExecutor",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "PYTHONPATH": f"{lab.folder / 'lab' / 'airflow' / 'policy'}:{dags}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PIPELINE_WORKER_IMAGE": "worker:1",
    }
    python = lab.folder / ".lab" / "environments" / "airflow" / "bin" / "python"
    command = [str(python), "-c", LOAD, str(dags), "local-executor", "kubernetes-executor"]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: Loaded = json.loads(finished.stdout.rsplit("=>", 1)[1])
    return found


def test_the_local_executor_watches_steps_and_runs_nothing_else(loaded: Loaded) -> None:
    dags = loaded["local-executor"]
    pipeline = {name: task["executor"] for name, task in dags["dataset_pipeline"].items()}
    assert pipeline == dict.fromkeys(STEPS, "LocalExecutor")
    person = {name: task["executor"] for name, task in dags["person"].items()}
    assert person.pop("watched") == "LocalExecutor"
    assert person.pop("named") == "KubernetesExecutor"
    assert set(person.values()) == {None}  # the default, a pod; a callback would run beside the scheduler


def test_a_task_that_asks_for_the_local_executor_fails_with_the_reason(loaded: Loaded) -> None:
    tasks = loaded["local-executor"]["person"]
    refused = {name: task["fails"] for name, task in tasks.items() if task["fails"]}
    assert set(refused) == {"local", "mapped", "taskflow"}
    for name, reason in refused.items():
        assert reason.startswith(f"AirflowFailException: {name} asks for the executor "), reason
        assert "Remove `executor` from the task" in reason


def test_with_the_kubernetes_executor_every_step_is_watched_from_a_pod(loaded: Loaded) -> None:
    dags = loaded["kubernetes-executor"]
    executors = {task["executor"] for task in (*dags["dataset_pipeline"].values(), dags["person"]["watched"])}
    assert executors == {None}
