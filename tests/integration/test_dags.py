"""The one DAG file: a pod on Kubernetes and a process here, with the same command and the same environment."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import httpx

from tests.integration.checkout import Checkout
from tests.integration.services import sign_in
from tests.waiting import eventually

DESCRIBE = """
import json, os, sys
sys.path.insert(0, "dags")
from dataset_pipeline import dag

def of(task):
    if task.task_type == "ProcessOperator":
        return {"command": task.command, "environment": task.environment,
                "limit": task.execution_timeout.total_seconds()}
    return {"command": [*task.cmds, *task.arguments], "environment": {e.name: e.value for e in task.env_vars},
            "limit": task.execution_timeout.total_seconds(),
            "account": task.service_account_name, "image": task.image,
            "secrets": [source.secret_ref.name for source in task.env_from if source.secret_ref],
            "memory": task.container_resources.limits["memory"], "labels": task.labels,
            "beside": [term.label_selector.match_labels
                       for term in task.affinity.pod_affinity.required_during_scheduling_ignored_during_execution
                       ] if task.affinity and task.affinity.pod_affinity else []}
print("=>" + json.dumps({task.task_id: of(task) for task in dag.topological_sort()}))
"""


def describe(lab: Checkout, **variables: str) -> dict[str, Any]:
    """Each task of the DAG file as Airflow's own Python sees it."""
    python = lab.folder / ".lab" / "environments" / "airflow" / "bin" / "python"
    home = lab.folder.parent / "airflow-home"
    environment = {"PATH": os.environ["PATH"], "AIRFLOW_HOME": str(home), "HOME": str(home), **variables}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "PIPELINE_REPOSITORY": "http://git.example/lab/mlops.git"}
    finished = subprocess.run(
        [python, "-c", DESCRIBE], cwd=lab.folder, env=environment, capture_output=True, text=True, check=True
    )
    described: dict[str, Any] = json.loads(finished.stdout.rsplit("=>", 1)[1])
    return described


def test_pod_and_process_have_the_same_command_and_environment(lab: Checkout) -> None:
    pods = describe(lab, PIPELINE_OPERATOR="pod", PIPELINE_WORKER_IMAGE="worker:1")
    processes = describe(lab, PIPELINE_OPERATOR="process", PIPELINE_SHARED_DIR="/shared")
    assert list(pods) == list(processes) == ["pull_data", "modify_data", "push_data"]
    for name, pod in pods.items():
        assert pod["command"] == processes[name]["command"]
        assert pod["environment"] == processes[name]["environment"]
        assert (pod["account"], pod["secrets"]) == ("airflow-dvc-sa", ["git-credentials"])
        assert pod["memory"] == "512Mi"


def test_a_try_of_a_step_has_the_same_limit_as_a_pod_and_as_a_process(lab: Checkout) -> None:
    for place in (
        {"PIPELINE_OPERATOR": "pod", "PIPELINE_WORKER_IMAGE": "worker:1"},
        {"PIPELINE_OPERATOR": "process", "PIPELINE_SHARED_DIR": "/shared"},
    ):
        assert {task["limit"] for task in describe(lab, **place).values()} == {3600}
        assert {task["limit"] for task in describe(lab, **place, PIPELINE_STEP_MINUTES="0.5").values()} == {30}


def test_steps_are_on_one_node_unless_their_volume_is_on_any(lab: Checkout) -> None:
    image = {"PIPELINE_OPERATOR": "pod", "PIPELINE_WORKER_IMAGE": "worker:1"}
    for pod in describe(lab, **image).values():
        (beside,) = pod["beside"]
        assert beside.items() <= pod["labels"].items()
    assert [pod["beside"] for pod in describe(lab, **image, PIPELINE_SHARED_NODES="any").values()] == [[], [], []]


def test_a_task_that_is_run_again_makes_no_second_version(lab: Checkout) -> None:
    made = lab.json("run")
    before = lab.json("history")
    with httpx.Client(base_url=lab.status()["urls"]["airflow"], timeout=30, trust_env=False) as client:
        sign_in(client, lab)
        body = {"dag_run_id": made["run_id"], "dry_run": False, "only_failed": False, "reset_dag_runs": True}
        client.post("/api/v2/dags/dataset_pipeline/clearTaskInstances", json=body).raise_for_status()

        def succeeded() -> bool:
            run = client.get(f"/api/v2/dags/dataset_pipeline/dagRuns/{made['run_id']}").json()
            assert run["state"] != "failed"
            return bool(run["state"] == "success")

        eventually(succeeded, "the run succeeds again", limit=120)
    assert lab.json("history") == before
