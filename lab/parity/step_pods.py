"""`python step_pods.py < environments`: the DAG and its pods as Airflow makes them, in Airflow's environment.

Read is a JSON mapping of a place's name to what Airflow's pods have there in their environment; written is one of the
same names to the DAG and its pods. One process for all places: to import Airflow takes seconds. The files are those of
`dags/`, read anew for each place.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

DAGS = Path(__file__).resolve().parents[2] / "dags"
MODULES = ("dataset_pipeline", "lab_pods", "lab_steps")


def main() -> int:
    places = json.load(sys.stdin)
    sys.path.insert(0, str(DAGS))
    ground = dict(os.environ)
    made = {name: of_place({**ground, **environment}) for name, environment in places.items()}
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
            "schedule": repr(dag.timetable.serialize()) if hasattr(dag.timetable, "serialize") else repr(dag.timetable),
            "tasks": {
                task.task_id: {
                    "operator": type(task).__name__,
                    "after": sorted(task.upstream_task_ids),
                    "retries": task.retries,
                    "retry_delay": str(task.retry_delay),
                }
                for task in dag.tasks
            },
        },
        "pods": pods,
    }


if __name__ == "__main__":
    sys.exit(main())
