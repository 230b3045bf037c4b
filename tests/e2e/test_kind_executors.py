"""Who runs a task on kind: the scheduler watches the pods of steps, whatever becomes of it, and runs nothing else."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.cluster import KindLab
from tests.integration.pushes import push
from tests.integration.services import sign_in
from tests.waiting import eventually

NAMESPACE = ("--namespace", "airflow")
PERSON = """
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from lab_pods import pod

with DAG("person", is_paused_upon_creation=False):
    BashOperator(task_id="usual", bash_command="true")
    BashOperator(task_id="local", bash_command="true", executor="LocalExecutor")
    BashOperator.partial(task_id="mapped", executor="LocalExecutor").expand(bash_command=["true"])
    pod("slow", ["sh", "-c", "until [ -e /shared/test-enough ]; do sleep 0.2; done"], {}, {})
"""
ENOUGH = "test-enough"
"""The file on the shared volume by which the step ends."""


@pytest.fixture(scope="module")
def airflow(lab: KindLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Airflow's REST API, with the DAG `person` in the lab's repository."""
    folder = tmp_path_factory.mktemp("person")
    (folder / "person.py").write_text(PERSON, "utf-8")
    commit = "git -c user.name=t -c user.email=t@t.invalid commit -qm"
    push(lab, folder, f"cp {folder}/person.py dags/ && git add dags && {commit} 'A DAG by a person'")
    with httpx.Client(base_url=lab.status()["urls"]["airflow"], timeout=30, trust_env=False) as client:
        sign_in(client, lab)
        eventually(lambda: client.get("/api/v2/dags/person").status_code == 200, "the DAG is loaded", limit=120)
        yield client
    push(lab, folder, f"git rm -q dags/person.py && {commit} 'Without it'")


@pytest.fixture(scope="module")
def run(airflow: httpx.Client) -> str:
    """A run of the DAG, which Airflow has just started."""
    body = {"dag_run_id": "by-test", "logical_date": None}
    airflow.post("/api/v2/dags/person/dagRuns", json=body).raise_for_status()
    return "by-test"


def task(airflow: httpx.Client, run: str, name: str) -> dict[str, Any]:
    listed = airflow.get(f"/api/v2/dags/person/dagRuns/{run}/taskInstances").raise_for_status().json()
    found: dict[str, Any] = next(each for each in listed["task_instances"] if each["task_id"] == name)
    return found


def ended(airflow: httpx.Client, run: str, name: str, limit: float) -> str:
    def state() -> str | None:
        try:
            found = task(airflow, run, name)["state"]
        except httpx.TransportError:  # while the pods of Airflow change
            return None
        return str(found) if found in {"success", "failed", "upstream_failed"} else None

    return eventually(state, f"the end of {name}", limit)


def step_pods(lab: KindLab) -> dict[str, str]:
    """The pods of the step `slow`, with their phases."""
    pods = lab.pods(*NAMESPACE, "--selector", "kubernetes_pod_operator=True,task_id=slow")
    return {pod["metadata"]["name"]: pod["status"]["phase"] for pod in pods}


def test_a_step_outlives_the_scheduler_that_watches_it_and_the_next_one_finds_it(
    lab: KindLab, airflow: httpx.Client, run: str
) -> None:
    eventually(lambda: "Running" in step_pods(lab).values(), "the step's pod runs", limit=120)
    (name,) = step_pods(lab)
    for tries, options in ((2, ()), (3, ("--grace-period=0", "--force"))):
        scheduler = lab.pod("airflow-scheduler")
        lab.kubectl("delete", "pod", scheduler, *NAMESPACE, "--wait=false", *options)
        eventually(functools.partial(is_watched, airflow, run, tries), "the next one watches it", limit=180)
        assert step_pods(lab) == {name: "Running"}
    (lab.folder / ".lab/data/kind/shared" / ENOUGH).touch()
    assert ended(airflow, run, "slow", 60) == "success"
    assert task(airflow, run, "slow")["executor"] == "LocalExecutor"
    started = lab.kubectl("get", "events", *NAMESPACE, "--field-selector", "reason=Started", "--output", "json")
    pods = {event["involvedObject"]["name"] for event in json.loads(started)["items"]}
    assert {pod for pod in pods if pod.startswith("slow-")} == {name}


def is_watched(airflow: httpx.Client, run: str, tries: int) -> bool:
    try:
        found = task(airflow, run, "slow")
    except httpx.HTTPError:
        return False
    return bool(found["state"] == "running" and found["try_number"] == tries)


@pytest.mark.parametrize("name", ["local", "mapped"])
def test_a_task_that_asks_for_the_local_executor_fails_in_a_pod_with_the_reason(
    lab: KindLab, airflow: httpx.Client, run: str, name: str
) -> None:
    assert ended(airflow, run, name, 180) == "failed"
    assert task(airflow, run, name)["executor"] is None
    index = 0 if name == "mapped" else -1
    path = f"/api/v2/dags/person/dagRuns/{run}/taskInstances/{name}/logs/1"
    answer = airflow.get(
        path, params={"full_content": True, "map_index": index}, headers={"Accept": "application/json"}
    )
    assert f"{name} asks for the executor LocalExecutor" in answer.raise_for_status().text


def test_a_task_that_asks_for_nothing_has_a_pod(airflow: httpx.Client, run: str) -> None:
    assert ended(airflow, run, "usual", 180) == "success"
    assert task(airflow, run, "usual")["executor"] is None


def test_up_fails_with_the_event_where_a_value_makes_a_pod_unschedulable(lab: KindLab) -> None:
    values = lab.folder / "helm-values.yaml"
    values.write_text("scheduler: {nodeSelector: {no-node: has-this}}\n", "utf-8")
    try:
        output = lab.lab("up", status=10).stderr
    finally:
        values.unlink()
    assert "error: airflow-scheduler" in output
    assert (
        "does not fit on the node: 0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector"
        in output
    )
    assert lab.lab("status", "--json", status=None).returncode in {0, 1}
    lab.lab("up")
    assert lab.is_healthy()
    assert lab.json("run")["version"]


def test_up_returns_when_the_new_pods_serve_and_the_old_ones_have_ended(lab: KindLab) -> None:
    values = lab.folder / "helm-values.yaml"
    before = {service: lab.pod(service) for service in ("airflow-scheduler", "airflow-api-server")}
    values.write_text("airflowPodAnnotations: {test: changed}\n", "utf-8")
    try:
        lab.lab("up")
        after = {service: lab.pod(service) for service in before}
        pods = {pod["metadata"]["name"]: pod for pod in lab.pods(*NAMESPACE)}
    finally:
        values.unlink()
        lab.lab("up")
    assert not set(before.values()) & set(pods)
    for name in after.values():
        ready = {each["type"]: each["status"] for each in pods[name]["status"]["conditions"]}["Ready"]
        assert ready == "True"
