"""A person's push that changes data starts one run, on the local engine; nothing else that is pushed does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.checkout import Checkout, check_out, eventually
from tests.integration.conftest import end
from tests.integration.pushes import ended, events, new_dataset, push, sample, started


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A lab that looks for pushes every second."""
    checkout = check_out(tmp_path_factory.mktemp("triggers"))
    checkout.variables |= {"LAB_TRIGGERS__POLL_SECONDS": "1", "LAB_DATASET__ROWS": "1000"}
    try:
        checkout.lab("up", limit=900)
        yield checkout
    finally:
        end(checkout, "triggers")


def test_a_push_that_changes_data_starts_one_run_whose_version_starts_none(watching: Checkout, tmp_path: Path) -> None:
    before, known = len(started(watching)), watching.json("history")
    commit = push(watching, tmp_path, sample(100))
    run = ended(watching, before + 1)
    assert (run["state"], run["triggered_by"]) == ("success", "asset")
    by_hand, made = watching.json("history")[len(known) :]
    assert (by_hand["commit"], by_hand["run_id"]) == (commit, None)
    assert (made["run_id"], made["rows"]) == (run["dag_run_id"], 101)
    raised = events(watching)[-1]
    assert raised["extra"] == {
        "from_rest_api": True,  # Airflow's own
        "commit": commit,
        "author": "Ann",
        "paths": ["datasets/employee_attrition.csv.dvc"],
        "changes": [commit],
    }
    assert [each["run_id"] for each in raised["created_dagruns"]] == [run["dag_run_id"]]
    # The service has looked at the run's version, and at each later push in its turn.
    push(watching, tmp_path, new_dataset("later"))
    ended(watching, before + 2)
    assert len(started(watching)) == before + 2
    watching.lab("verify")


def test_a_push_that_changes_something_else_starts_none(watching: Checkout, tmp_path: Path) -> None:
    before = len(started(watching))
    edit = "echo note >> README.md && git -c user.name=Ann -c user.email=a@example.invalid commit -qam 'A note'"
    push(watching, tmp_path, edit)
    commit = push(watching, tmp_path, new_dataset("after-a-note"))
    ended(watching, before + 1)
    assert len(started(watching)) == before + 1
    assert events(watching)[-1]["extra"]["changes"] == [commit]


def test_a_push_while_the_service_is_killed_starts_one_run_when_it_is_back(watching: Checkout, tmp_path: Path) -> None:
    before, pid = len(started(watching)), watching.pids()["triggers"]
    os.kill(pid, signal.SIGSTOP)  # it can neither look nor be started anew
    commit = push(watching, tmp_path, new_dataset("while-away"))
    os.kill(pid, signal.SIGKILL)
    run = ended(watching, before + 1)
    assert run["state"] == "success"
    assert events(watching)[-1]["extra"]["commit"] == commit
    watching.lab("down")
    watching.lab("up")
    push(watching, tmp_path, new_dataset("after-a-night"))
    ended(watching, before + 2)
    assert len(started(watching)) == before + 2


def test_a_push_while_airflow_is_away_starts_one_run_and_the_log_says_why_it_waited(
    watching: Checkout, tmp_path: Path
) -> None:
    before, group = len(started(watching)), os.getpgid(watching.pids()["airflow-api-server"])
    log = watching.folder / ".lab" / "logs" / "triggers.log"
    os.killpg(group, signal.SIGSTOP)  # it takes questions, and answers none
    try:
        push(watching, tmp_path, new_dataset("without-airflow"))
        eventually(lambda: "WARNING Airflow does not answer at " in log.read_text("utf-8"), "its log says so", limit=90)
    finally:
        os.killpg(group, signal.SIGKILL)
    assert ended(watching, before + 1)["state"] == "success"
    assert len(started(watching)) == before + 1
    assert "all is well again" in log.read_text("utf-8")


def test_the_service_is_shown_as_every_other_and_comes_back_when_it_dies(watching: Checkout) -> None:
    pid = watching.pids()["triggers"]
    os.kill(pid, signal.SIGKILL)

    def healthy_again() -> bool:
        found = {each["name"]: each for each in watching.status()["services"]}["triggers"]
        return found["pid"] not in {pid, None} and found["state"] == "healthy"

    eventually(healthy_again, "triggers is healthy again", limit=120)
    assert ("triggers", "ok") in {(check["name"], check["state"]) for check in watching.json("doctor")}
    assert "Nothing to do" in watching.lab("up").stderr
    assert "event for " in watching.lab("logs", "triggers").stdout


def test_no_secret_stands_in_its_command_line_or_its_log(watching: Checkout) -> None:
    secrets = [watching.secret(file.name) for file in (watching.folder / ".lab" / "secrets").iterdir()]
    lines = [*watching.command_lines().values(), (watching.folder / ".lab/logs/triggers.log").read_text("utf-8")]
    assert any("lab.triggers" in line for line in lines)
    assert not [line for line in lines if any(secret in line for secret in secrets)]


def test_a_lab_without_it_has_no_such_service(lab: Checkout) -> None:
    assert "triggers" not in lab.pids()
    assert "there is no service 'triggers'" in lab.lab("logs", "triggers", status=9).stderr
