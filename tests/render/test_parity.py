"""`lab parity` on this checkout, and on a copy in which one place is changed."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML

from lab.cli import main
from lab.paths import SOURCE, Paths
from tests.chart import chart_or_skip
from tests.render.conftest import program


class Outcome(NamedTuple):
    """The result of the command."""

    status: int
    report: dict[str, Any]
    output: str


Parity = Callable[[], Outcome]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with its own manifests and DAGs; its home, with programs and environments, is that of this one."""
    chart_or_skip()
    program("helm")
    for name in ("images", "lab"):
        (tmp_path / name).symlink_to(SOURCE / name)
    for name in ("k8s", "dags"):
        shutil.copytree(SOURCE / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(Paths, "of", lambda: Paths(tmp_path, SOURCE / ".lab"))
    return tmp_path


@pytest.fixture
def parity(source: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Parity:
    def run() -> Outcome:
        monkeypatch.setattr(sys, "argv", ["lab", "parity", "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capfd.readouterr()
        return Outcome(int(ended.value.code or 0), json.loads(captured.out), captured.err)

    return run


def without_reason(outcome: Outcome) -> list[str]:
    found = outcome.report["differences"]
    return [f"{each['where']} {each['what']}" for each in found if each["reason"] is None]


def test_every_difference_is_meant_to_be(parity: Parity) -> None:
    outcome = parity()
    assert (outcome.status, without_reason(outcome), outcome.report["unused"]) == (0, [], [])
    compared = {each["where"] for each in outcome.report["differences"]}
    # What is compared is all of it: Airflow, its workers, the steps, the volume, the environment.
    assert {"airflow.cfg", "Worker pod", "Pod airflow/push_data", "ConfigMap airflow/pipeline-environment"} <= compared
    assert {"PersistentVolumeClaim airflow/airflow-shared-pvc", "Deployment airflow-scheduler"} <= compared
    alike = ("DAG", "ServiceAccount airflow", "Role airflow", "RoleBinding airflow")
    assert not [name for name in compared if name.startswith(alike) and not name.endswith("/triggers")]


def test_one_more_variable_in_one_places_workers_fails_and_is_named(source: Path, parity: Parity) -> None:
    file = source / "k8s" / "overlays" / "eks" / "airflow-values.yaml"
    values = YAML(typ="safe").load(file)
    values["workers"]["kubernetes"]["env"] = [{"name": "SURPRISE", "value": "1"}]
    file.write_text(json.dumps(values), "utf-8")
    outcome = parity()
    assert outcome.status == 1
    assert without_reason(outcome) == ["Worker pod spec.containers[base].env[SURPRISE]"]
    assert "Worker pod spec.containers[base].env[SURPRISE]: kind —, eks" in outcome.output


def test_a_dag_that_is_another_in_one_place_fails_and_is_named(source: Path, parity: Parity) -> None:
    file = source / "dags" / "dataset_pipeline.py"
    text = file.read_text("utf-8")
    assert '"retries": 3' in text
    asked = '"retries": 3 if "AWS_ENDPOINT_URL" in __import__("os").environ else 4'
    file.write_text(text.replace('"retries": 3', asked), "utf-8")
    outcome = parity()
    assert outcome.status == 1
    assert without_reason(outcome) == [
        f"DAG dataset_pipeline spec.tasks.{task}.retries" for task in ("modify_data", "pull_data", "push_data")
    ]


def test_a_reason_for_nothing_fails_and_is_named(source: Path, parity: Parity) -> None:
    file = source / "k8s" / "parity.yaml"
    entry = "\n- {reason: None, differences: [{where: [airflow.cfg], what: [core.executor]}]}\n"
    file.write_text(file.read_text("utf-8") + entry, "utf-8")
    outcome = parity()
    assert (outcome.status, without_reason(outcome)) == (1, [])
    assert "airflow.cfg" in outcome.report["unused"][0]
    assert "stand for no difference: airflow.cfg" in outcome.output
