"""What the pods of a run do with a wrong parameter, a broken dataset, and a dataset larger than their memory."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.cluster import KindLab
from tests.integration.services import sign_in
from tests.many_runs import RUNS
from tests.waiting import eventually

Program = Callable[[str], dict[str, Any]]
NAMESPACE = ("--namespace", "airflow")
PULL = ("logs", "--run", "latest", "--task", "pull_data")
MODIFY = """\
import hashlib, pathlib
from lab.pipeline.append import append_rows
from lab.pipeline.synthetic import generate
file = pathlib.Path("/shared/large.csv")
generate(file, 7_500_000)
size = file.stat().st_size
assert size > 1e9
with file.open("rb") as stream:
    md5 = hashlib.file_digest(stream, "md5").hexdigest()
assert append_rows(file, 1, "large", md5, size).rows_after == 7_500_001
"""
OVERRUN = "held = bytearray(600 << 20)"


def test_a_broken_dataset_fails_at_the_first_try_with_its_own_line(lab: KindLab) -> None:
    before, pods = lab.json("history"), steps(lab)
    output = lab.lab("run", "--dataset", "datasets/none.csv", status=1).stderr
    (error,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert error.startswith("error: pull_data: datasets/none.csv.dvc is not in the repository")
    assert "hint: " in output
    assert "Traceback" not in output
    require_one_try(lab, "datasets/none.csv.dvc is not in the repository", 65)
    assert lab.json("history") == before
    eventually(lambda: steps(lab) <= pods, "the step's pod is gone", limit=60)


def test_a_wrong_parameter_fails_at_the_first_try_with_its_own_line(lab: KindLab) -> None:
    """By Airflow's REST API: `lab run` refuses it before a run is started."""
    before, pods = lab.json("history"), steps(lab)
    with httpx.Client(base_url=lab.status()["urls"]["airflow"], timeout=30, trust_env=False) as client:
        sign_in(client, lab)
        body = {"dag_run_id": "wrong-parameter", "logical_date": None, "conf": {"branch": "a b"}}
        client.post(RUNS, json=body).raise_for_status()
        state = eventually(lambda: ended_run(client, "wrong-parameter"), "the end of the run", limit=300)
    assert state == "failed"
    require_one_try(lab, "PIPELINE_BRANCH is 'a b'", 64)
    assert lab.json("history") == before
    eventually(lambda: steps(lab) <= pods, "the step's pod is gone", limit=60)


def ended_run(client: httpx.Client, run_id: str) -> str:
    state = str(client.get(f"{RUNS}/{run_id}").raise_for_status().json()["state"])
    return state if state in {"success", "failed"} else ""


def require_one_try(lab: KindLab, fault: str, status: int) -> None:
    """Hold the log of the latest run's first task to one error, and to the exit status of its step."""
    log = lab.lab(*PULL).stdout
    (error,) = [line for line in log.splitlines() if line.startswith("error: ")]
    assert error.startswith(f"error: {fault}")
    assert f"exit_code={status}," in log


def steps(lab: KindLab) -> set[str]:
    """The pods of steps, whatever their phase."""
    return {pod["metadata"]["name"] for pod in lab.pods(*NAMESPACE, "--selector", "kubernetes_pod_operator=True")}


@pytest.fixture
def step_like(lab: KindLab) -> Iterator[Program]:
    """Run a program in a pod with the worker's image and the memory of a step; return how its container ended."""
    name = f"test-{secrets.token_hex(4)}"

    def run(code: str) -> dict[str, Any]:
        container = {
            "resources": {"limits": {"memory": "512Mi"}},
            "volumeMounts": [{"name": "shared", "mountPath": "/shared"}],
        }
        lab.start_worker(name, ["python", "-c", code], container, volumes=[{"name": "shared", "emptyDir": {}}])
        return eventually(lambda: ended(lab, name), "the pod ends", limit=600)

    yield run
    lab.kubectl("delete", "pod", name, *NAMESPACE, "--ignore-not-found", "--grace-period=0", "--force")


def ended(lab: KindLab, name: str) -> dict[str, Any] | None:
    """How the pod's only container ended; None while it has not."""
    pod = json.loads(lab.kubectl("get", "pod", name, *NAMESPACE, "--output", "json"))
    for status in pod["status"].get("containerStatuses", []):
        found: dict[str, Any] | None = status["state"].get("terminated")
        return found
    return None


@pytest.mark.thorough
def test_1_gb_is_modified_in_the_memory_of_a_step(step_like: Program) -> None:
    assert step_like(MODIFY)["exitCode"] == 0


def test_a_step_that_takes_more_memory_than_it_may_is_killed(step_like: Program) -> None:
    output = step_like(OVERRUN)
    assert (output["exitCode"], output["reason"]) == (137, "OOMKilled")
