"""What the pods of a run do with a wrong parameter, a broken dataset, and a dataset larger than their memory."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.cluster import KindLab
from tests.integration.checkout import eventually

Program = Callable[[str], dict[str, Any]]
NAMESPACE = ("--namespace", "airflow")
PULL = ("logs", "--run", "latest", "--task", "pull_data")
HOPELESS = [
    (("--dataset", "datasets/a+b.csv"), "PIPELINE_DATASET is 'datasets/a+b.csv'", 64),
    (("--dataset", "datasets/none.csv"), "datasets/none.csv.dvc is not in the repository", 65),
]
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


@pytest.mark.parametrize(("options", "fault", "status"), HOPELESS, ids=["wrong parameter", "broken dataset"])
def test_what_no_retry_can_mend_fails_at_the_first_try_with_its_own_line(
    lab: KindLab, options: tuple[str, ...], fault: str, status: int
) -> None:
    before = lab.json("history")
    told = lab.lab("run", *options, status=1).stderr
    (error,) = [line for line in told.splitlines() if line.startswith("error: ")]
    assert error.startswith(f"error: pull_data: {fault}")
    assert "hint: " in told
    assert "Traceback" not in told
    log = lab.lab(*PULL).stdout
    assert len([line for line in log.splitlines() if line.startswith("error: ")]) == 1
    assert f"exit_code={status}," in log
    assert lab.json("history") == before
    eventually(lambda: no_step(lab), "the step's pod is gone", limit=60)


def no_step(lab: KindLab) -> bool:
    return not lab.pods(*NAMESPACE, "--selector", "kubernetes_pod_operator=True")


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
    told = step_like(OVERRUN)
    assert (told["exitCode"], told["reason"]) == (137, "OOMKilled")
