"""The network policies, held against every connection that the pods of a lab really make."""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.paths import SOURCE
from tests.e2e.cluster import KindLab
from tests.e2e.connections import NAMESPACES, Recorded, recording
from tests.integration.pushes import PERSON, push, started
from tests.integration.services import sign_in
from tests.network_policies import Connection, End, refusals, without_each_rule
from tests.waiting import eventually

Object = dict[str, Any]
PLAIN = SOURCE / "lab" / "bench" / "usual_way" / "plain_dag.py"
RUNS = "/api/v2/dags/plain/dagRuns"
RUN = f"by-test-{secrets.token_hex(4)}"


@pytest.fixture(scope="module")
def recorded(lab: KindLab, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """What the pods do while all but the database restart, a plain DAG runs, and its push starts a run of the lab's."""
    with recording(lab) as found:
        for namespace in NAMESPACES:
            lab.kubectl("rollout", "restart", "deployment", "--namespace", namespace)
        eventually(lambda: is_settled(lab), "the lab is healthy", limit=240)
        before = len(started(lab))
        run_plain(lab, tmp_path_factory.mktemp("plain"))
        eventually(lambda: ended(lab) > before, "the run that the push started has ended", limit=240)
        lab.lab("logs", "--run", "latest", "--task", "push_data")
    return found


def is_settled(lab: KindLab) -> bool:
    phases = {pod["metadata"]["name"] for place in NAMESPACES for pod in lab.pods("--namespace", place)
              if "deletionTimestamp" in pod["metadata"]}  # fmt: skip
    return not phases and lab.is_healthy()


def ended(lab: KindLab) -> int:
    return len([run for run in started(lab) if run["end_date"]])


def run_plain(lab: KindLab, folder: Path) -> None:
    """The DAG of the usual way, with no security settings on its operators, run by the KubernetesExecutor."""
    shutil.copy2(PLAIN, folder / "plain.py")
    push(lab, folder, f"cp {folder}/plain.py dags/ && git add dags && {PERSON} -m 'A plain DAG'")
    with httpx.Client(base_url=lab.status()["urls"]["airflow"], timeout=30, trust_env=False) as client:
        sign_in(client, lab)
        eventually(lambda: is_loaded(client), "the DAG is loaded", limit=120)
        client.patch("/api/v2/dags/plain", json={"is_paused": False}).raise_for_status()
        client.post(RUNS, json={"dag_run_id": RUN, "logical_date": None}).raise_for_status()
        state = eventually(lambda: state_of(client), "the end of the plain DAG", limit=300)
        assert state == "success", client.get(f"{RUNS}/{RUN}/taskInstances/pull/logs/1").text
    push(lab, folder, f"git rm -q dags/plain.py && {PERSON} -m 'Without it'")


def is_loaded(client: httpx.Client) -> bool:
    answer = client.get("/api/v2/dags/plain")
    return answer.status_code == 200 and not answer.json()["is_stale"]


def state_of(client: httpx.Client) -> str:
    state = str(client.get(f"{RUNS}/{RUN}").raise_for_status().json()["state"])
    return state if state in {"success", "failed"} else ""


@pytest.fixture(scope="module")
def policies(lab: KindLab) -> list[Object]:
    """Those of the cluster."""
    found: list[Object] = json.loads(lab.kubectl("get", "networkpolicies", "--all-namespaces", "-o", "json"))["items"]
    return found


def test_the_policies_allow_every_connection_that_the_lab_makes(recorded: Recorded, policies: list[Object]) -> None:
    connections = recorded.connections()
    assert {end.namespace for each in connections for end in (each.source, each.target)} >= set(NAMESPACES)
    refused = {str(each): refusals(policies, each) for each in connections if refusals(policies, each)}
    assert refused == {}


def test_each_rule_is_needed_by_a_connection(recorded: Recorded, policies: list[Object]) -> None:
    connections = recorded.connections()
    unneeded = [
        name for name, fewer in without_each_rule(policies) if not any(refusals(fewer, each) for each in connections)
    ]
    assert unneeded == []


def test_every_pod_of_both_namespaces_is_isolated(recorded: Recorded, policies: list[Object]) -> None:
    stranger = End("10.244.255.254")
    for pod in (each for each in recorded.pods.values() if each.namespace in NAMESPACES):
        assert refusals(policies, Connection(pod, stranger, 9)) == ["Egress"], pod
        assert refusals(policies, Connection(stranger, pod, 9)) == ["Ingress"], pod
