"""`python step_pods.py FOLDER < environments`: the DAG and its pods as Airflow makes them from the files in FOLDER.

Read is a JSON list of what Airflow's pods have in their environment in each place; written is one of the DAG and its
pods there. It runs in Airflow's environment, once for all places: importing Airflow takes seconds. The files are read
again for each place.
"""

from __future__ import annotations

import json
import os
import sys
from types import SimpleNamespace
from typing import Any

MODULES = ("dataset_pipeline", "lab_pods", "lab_steps")


def main(folder: str) -> int:
    environments = json.load(sys.stdin)
    sys.path.insert(0, folder)
    ground = dict(os.environ)
    made = [of_place({**ground, **environment}) for environment in environments]
    sys.stdout.write("\n" + json.dumps(made) + "\n")  # the last line; Airflow's own logging goes here as well
    return 0


def of_place(environment: dict[str, str]) -> dict[str, Any]:
    """The DAG with what its tasks are, and the pod of each."""
    from importlib import import_module

    from kubernetes.client import ApiClient

    os.environ.clear()
    os.environ.update(environment)
    for name in MODULES:
        sys.modules.pop(name, None)
    dag = import_module("dataset_pipeline").dag
    pods = {}
    for task in dag.tasks:
        task.hook = SimpleNamespace(is_in_cluster=True)  # the true one would look for its service account
        pods[task.task_id] = ApiClient().sanitize_for_serialization(task.build_pod_request_obj())
        pods[task.task_id]["metadata"].pop("name")  # has a random end
    return {
        "dag": {
            "dag_id": dag.dag_id,
            "params": dag.params.dump(),
            "schedule": repr(dag.timetable.serialize()),
            "tasks": {
                task.task_id: {
                    "operator": type(task).__name__,
                    "after": sorted(task.upstream_task_ids),
                    "retries": task.retries,
                    "retry_delay": str(task.retry_delay),
                    "execution_timeout": str(task.execution_timeout),
                }
                for task in dag.tasks
            },
        },
        "pods": pods,
    }


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
