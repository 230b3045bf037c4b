"""The cluster policy (lab/airflow/policy): that Airflow applies it, and that it covers what a task can execute."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import airflow_local_settings as policy
from airflow.dag_processing.dagbag import DagBag
from airflow.executors.executor_utils import ExecutorName
from airflow.providers.cncf.kubernetes.executors.kubernetes_executor import KubernetesExecutor
from airflow.sdk import BaseOperator

from tests.airflow_seams.inside import tasks
from tests.airflow_seams.inside.pods import pod_operator
from tests.airflow_seams.inside.registry import check, equal, require

DAG_FILE = """
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from lab_steps import step

with DAG("policy"):
    step("watched", "pull")
    BashOperator(task_id="local", bash_command="true", executor="LocalExecutor")
    BashOperator.partial(task_id="mapped", executor="LocalExecutor").expand(bash_command=["true"])
"""
HOOKS = {"pre_execute": "_pre_execute_hook", "post_execute": "_post_execute_hook"}
"""How an operator keeps its two parameters that are functions."""


def loaded() -> Any:
    """The tasks of DAG_FILE as the DAG processor loads them on a cluster, by their ids."""
    setting = {"PIPELINE_STEPS": "local-executor", "PIPELINE_OPERATOR": "pod", "PIPELINE_WORKER_IMAGE": "worker:1"}
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, setting):
        Path(folder, "policy.py").write_text(DAG_FILE, "utf-8")
        bag = DagBag(folder)
    require(not bag.import_errors, str(bag.import_errors))
    return bag.dags["policy"].task_dict


@check("task-policy")
def task_policy() -> None:
    equal(loaded()["watched"].executor, policy.LOCAL, "the executor of a step")
    equal(loaded()["local"].executor, None, "the executor of a task that may not choose it")


@check("task-policy-of-mapped-tasks")
def mapped() -> None:
    arguments = loaded()["mapped"].partial_kwargs
    equal(arguments.get("executor"), None, "the executor of a mapped task that may not choose it")
    require(callable(arguments.get("pre_execute")), f"the arguments of the mapped task are {sorted(arguments)}")


@check("code-of-a-task")
def code_of_a_task() -> None:
    parameters = inspect.signature(BaseOperator.__init__).parameters
    functions = {
        HOOKS.get(name, name) for name in parameters if re.fullmatch(r"on_\w+_callback|(pre|post)_execute", name)
    }
    equal(functions, set(policy.CODE_OF_THE_TASK), "the functions that a DAG can add to an operator")
    task = BaseOperator(task_id="any")
    missing = [name for name in policy.CODE_OF_THE_TASK if not hasattr(task, name)]
    require(not missing, f"an operator has no {', '.join(missing)}")


@check("refused-task-fails-first")
def refused() -> None:
    """A task that the policy refuses fails without another try, and its own code is not executed."""
    executed: list[bool] = []

    class Task(BaseOperator):  # type: ignore[misc]
        def execute(self, context: object) -> None:
            executed.append(True)

    with tasks.dag():
        task = Task(task_id="refused", executor=policy.LOCAL, retries=3)
    policy.refuse(task)
    state, error = tasks.run(task)
    equal((state, executed), ("failed", []), f"the state of a refused task, and whether its code ran ({error!r})")


@check("pod-mutation-hook")
def pod_mutation_hook() -> None:
    spec = pod_operator().build_pod_request_obj().spec
    equal(spec.containers[0].security_context.capabilities.drop, ["ALL"], "the capabilities that a pod drops")
    equal(spec.security_context.run_as_user, policy.USER, "the user of a pod that names none")


@check("executor-names")
def executor_names() -> None:
    path = f"{KubernetesExecutor.__module__}.{KubernetesExecutor.__qualname__}"
    require(path in policy.KUBERNETES, f"the KubernetesExecutor is {path}")
    constants = importlib.import_module("airflow.executors.executor_constants")
    equal({constants.LOCAL_EXECUTOR, constants.KUBERNETES_EXECUTOR}, {policy.LOCAL, "KubernetesExecutor"}, "the names")
    from airflow.executors.executor_loader import ExecutorLoader

    names: list[ExecutorName] = ExecutorLoader.get_executor_names(validate_teams=False)
    equal(names[0].alias, "KubernetesExecutor", "the default of `KubernetesExecutor,LocalExecutor`")
