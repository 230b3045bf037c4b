"""ENGINE=eks: the commands of every engine on a lab on EKS, and what they refuse there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab import engine as lab_engine
from lab.engine.base import Engine, ServiceStatus, Status
from lab.engine.local import LocalEngine
from lab.paths import Paths
from tests.unit.conftest import Outcome
from tests.unit.eks.conftest import BUCKET, CLUSTER, Amazon
from tests.unit.eks.test_run import TASKS, Server, forwards, running, server

Lab = Callable[..., Outcome]
__all__ = ["running", "server"]


@pytest.fixture(autouse=True)
def on_eks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_ENGINE", "eks")


def test_status_shows_airflow_the_repository_and_the_bucket(running: Amazon, server: Server, lab: Lab) -> None:
    outcome = lab("status", "--json")
    found = json.loads(outcome.out)
    assert (outcome.status, found["engine"], found["state"]) == (0, "eks", "healthy")
    assert {service["name"]: service["state"] for service in found["services"]} == dict.fromkeys(
        ("repository", "s3", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor"), "healthy"
    )
    assert found["urls"]["s3"] == f"s3://{BUCKET}/dvc"
    assert not [pid for pid, _ in forwards(running) if psutil.pid_exists(pid)]


def test_a_pod_that_does_not_start_is_the_status_of_its_service(running: Amazon, lab: Lab) -> None:
    file = running.folder / "objects.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "ready": 0}), "utf-8")
    outcome = lab("status", "--json")
    states = {service["name"]: service["state"] for service in json.loads(outcome.out)["services"]}
    assert (outcome.status, states["airflow-scheduler"]) == (1, "starting")


@pytest.mark.parametrize("command", ["status", "history", "verify", "run", "logs"])
def test_without_a_cluster_the_lab_is_down(amazon: Amazon, lab: Lab, command: str) -> None:
    outcome = lab(command)
    assert outcome.status == 6
    assert (
        "is down (engine eks).\nNext:  make eks-up" in outcome.err
        or f"the cluster {CLUSTER} is not up\nhint: make eks-up" in outcome.err
    )


def test_a_run_is_that_of_lab_eks_run_and_ends_its_way_to_airflow(
    running: Amazon, server: Server, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Engine] = []  # an engine that is no longer referenced ends its port-forward too
    real = lab_engine.make

    def make(*arguments: Any) -> Engine:
        made.append(real(*arguments))
        return made[-1]

    monkeypatch.setattr(lab_engine, "make", make)
    outcome = lab("run", "--rows", "5")
    assert outcome.status == 0
    assert server.parameters == [{"rows": 5}]
    assert all(f"✓ {task}" in outcome.err for task in TASKS)
    assert not psutil.pid_exists(forwards(running)[0][0])


def test_history_reads_the_repository_and_opens_no_way_to_airflow(running: Amazon, lab: Lab) -> None:
    outcome = lab("history", "--json")
    assert (outcome.status, json.loads(outcome.out)) == (0, [])
    assert not (running.folder / "forwards").exists()


def test_verify_checks_every_version(running: Amazon, lab: Lab) -> None:
    outcome = lab("verify", "--json")
    assert (outcome.status, json.loads(outcome.out)) == (0, [])


def test_logs_are_those_of_the_pods(running: Amazon, lab: Lab) -> None:
    assert lab("logs", "airflow-scheduler").out == "the log of component=scheduler\n"
    assert lab("logs", "gitea").status == 9


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("up", "make eks-up"),
        ("down", "make eks-down"),
        ("shell -- true", "export KUBECONFIG="),
        ("secrets", "kubectl get secrets"),
        ("secrets rotate", "kubectl get secrets"),
        ("drill", "ENGINE=local"),
    ],
)
def test_what_eks_has_no_command_for_says_what_to_do_and_changes_nothing(
    running: Amazon, lab: Lab, checkout: Paths, command: str, hint: str
) -> None:
    before = (running.folder / "calls").read_text("utf-8")
    outcome = lab(*command.split())
    assert outcome.status == 3
    assert hint in outcome.err
    new = (running.folder / "calls").read_text("utf-8").removeprefix(before)
    assert not [word for word in (" apply ", " delete ", "eksctl", "helm ") if word in new]
    assert not (checkout.home / "engine").exists()


def test_a_lab_of_this_machine_may_run_beside_one_on_eks(
    running: Amazon, server: Server, lab: Lab, checkout: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = Status("local", "healthy", [ServiceStatus("git", "healthy")])
    monkeypatch.setattr(LocalEngine, "status", lambda _: up)
    (checkout.home / "engine").write_text("local\n", "utf-8")
    assert lab("status").status == 0


def test_doctor_names_each_resource(running: Amazon, lab: Lab) -> None:
    found = {check["name"]: check["state"] for check in json.loads(lab("doctor", "--json").out)}
    assert found[f"bucket {BUCKET}"] == found["airflow Helm release airflow"] == found["AWS account"] == "ok"


def test_the_settings_are_those_of_eks_toml(lab: Lab, checkout: Paths) -> None:
    outcome = lab("status")
    assert outcome.status == 3
    assert "there is no eks.toml" in outcome.err
    assert not Path(checkout.home / "eks").exists()
