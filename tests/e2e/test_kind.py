"""The lab on a real cluster, through its own commands."""

from __future__ import annotations

import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.cluster import KindLab, edit_rows
from tests.waiting import eventually

DEFAULT_MD5 = "2b3d32c243292347f1f7d222d2417627"
"""Of 75,000 rows from seed 2025: the same on every engine."""


def test_every_pod_runs_and_version_1_is_that_of_every_engine(lab: KindLab) -> None:
    phases = {pod["metadata"]["name"]: pod["status"]["phase"] for pod in lab.pods("--all-namespaces")}
    assert set(phases.values()) <= {"Running", "Succeeded"}, phases
    assert lab.is_healthy()
    assert lab.json("history")[0]["md5"] == DEFAULT_MD5


def test_up_again_changes_nothing(lab: KindLab) -> None:
    assert "Nothing to do" in lab.lab("up").stderr


def test_the_checks_of_a_lab_that_is_up_find_nothing_to_do_and_change_nothing(lab: KindLab) -> None:
    found = lab.checks()
    assert found["changes"] == []
    assert found["done"] == [found["all"]] * 2


def test_a_run_makes_a_version_in_pods_that_go_and_leave_their_logs(lab: KindLab) -> None:
    before = lab.json("history")[-1]
    result = lab.json("run", "--rows", "3")
    assert result["version"]["rows"] == before["rows"] + 3
    assert result["version"]["base_md5"] == before["md5"]
    assert set(lab.executors(result["run_id"]).values()) == {"LocalExecutor"}
    left = [pod["metadata"]["name"] for pod in lab.pods("--namespace", "airflow") if "-task" in pod["metadata"]["name"]]
    assert not left
    assert not list((lab.folder / ".lab/data/kind/shared/runs").glob("*"))
    log = lab.lab("logs", "--run", result["run_id"], "--task", "push_data").stdout
    assert "== " in log
    assert len(log.splitlines()) > 3
    lab.lab("verify")


def test_the_urls_answer_on_loopback_and_the_repository_is_reached_by_the_same_url_in_a_pod(lab: KindLab) -> None:
    urls = lab.status()["urls"]
    assert {url.split("/")[2].split(":")[0] for url in urls.values()} == {"127.0.0.1"}
    with urllib.request.urlopen(urls["airflow"]) as answer:  # noqa: S310 - our own URL
        assert answer.status == 200
    inside = ("exec", "--namespace", "airflow", "deploy/airflow-scheduler", "--container", "scheduler", "--")
    assert "refs/heads/main" in lab.kubectl(*inside, "git", "ls-remote", urls["repository"])


def test_an_edited_dag_runs_after_a_push_and_the_run_records_its_commit(lab: KindLab, tmp_path: Path) -> None:
    commit = edit_rows(lab, tmp_path, 7)

    def version_of_dag() -> bool:
        return commit in lab.shell("airflow dags details dataset_pipeline -o json 2>/dev/null")

    eventually(version_of_dag, "the edit reaches Airflow", limit=120)
    version = lab.json("run")["version"]
    assert version["rows_added"] == 7
    assert version["dag_version"] == commit


@pytest.mark.parametrize("services", [("localstack", "gitea", "postgres"), ("airflow-scheduler",)], ids="+".join)
def test_services_killed_in_the_middle_of_a_run_cost_no_version(lab: KindLab, services: tuple[str, ...]) -> None:
    before = lab.json("history")
    running = lab.start("run", "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    eventually(lambda: steps_of(lab), "the run's first step", limit=120)
    for service in services:
        lab.kill(service)
    output = running.communicate(timeout=600)
    assert running.returncode == 0, output
    assert len(lab.json("history")) == len(before) + 1
    eventually(lab.is_healthy, "the lab is healthy again", limit=180)
    lab.lab("verify")


def steps_of(lab: KindLab) -> list[str]:
    """The pods of steps under way."""
    return [
        pod["metadata"]["name"]
        for pod in lab.pods("--namespace", "airflow", "--selector", "kubernetes_pod_operator=True")
        if pod["status"]["phase"] == "Running"
    ]


def test_a_node_that_dies_in_the_middle_of_a_run_comes_back_automatically_and_the_run_with_it(lab: KindLab) -> None:
    before = lab.json("history")
    running = lab.start("run", "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    eventually(lambda: steps_of(lab), "the run's first step", limit=120)
    for command in ("kill", "start"):  # as when the machine is switched off, and on again
        subprocess.run(["docker", command, lab.node], check=True, capture_output=True, timeout=120)
    output = running.communicate(timeout=900)
    assert running.returncode == 0, output
    assert lab.json("history")[:-1] == before
    eventually(lab.is_healthy, "the lab is healthy after the node's death", limit=300)
    lab.lab("verify")
