"""A lab on kind as Airflow's own guides have it: DAGs by git-sync, a second pod that watches each step's pod."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import KindLab, edit_rows
from tests.e2e.conftest import everything_in_docker
from tests.waiting import eventually

SETTINGS = {"LAB_AIRFLOW__DAGS": "gitsync", "LAB_AIRFLOW__STEPS": "kubernetes-executor"}


@pytest.fixture(scope="module")
def other(lab: KindLab, request: pytest.FixtureRequest) -> Iterator[KindLab]:
    """The lab, which is to come up with other settings; after these tests it has its own again."""
    lab.variables |= SETTINGS
    yield lab
    for name in SETTINGS:
        del lab.variables[name]
    if request.session.items[-1].path != request.path:  # a test follows
        lab.lab("down")
        lab.lab("up", limit=900)


def make_older(lab: KindLab) -> None:
    """Have the data be that of a lab with an older Airflow."""
    lab.shell(
        "kubectl exec --namespace airflow deploy/airflow-scheduler --container scheduler -- "
        "airflow db downgrade --to-version 3.1.0 --yes"
    )
    (lab.folder / ".lab/data/kind-airflow-tables").write_text("apache/airflow:3.1.0")


def test_down_leaves_nothing_and_up_brings_the_data_of_an_older_airflow_back(
    other: KindLab, before: dict[str, set[str]], tmp_path: Path
) -> None:
    known = other.json("history")
    edit_rows(other, tmp_path, 5)
    make_older(other)
    other.lab("down")
    assert everything_in_docker() == before
    assert not (other.folder / ".lab/kubeconfig").exists()
    assert other.processes() == []

    other.lab("up", limit=900)
    assert other.json("history") == known
    eventually(lambda: other.default_rows() == 5, "git-sync brings the edit", limit=180)


def test_a_step_is_watched_from_a_pod_of_the_kubernetes_executor(other: KindLab) -> None:
    made = other.json("run", "--rows", "4")
    assert made["version"]["rows_added"] == 4
    assert set(other.executors(made["run_id"]).values()) == {"KubernetesExecutor"}
    other.lab("verify")
