"""A person's push that changes data starts one run, on the local engine; nothing else that is pushed does."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.integration.checkout import Checkout
from tests.integration.pushes import ended, events, new_dataset, push, sample, started
from tests.waiting import eventually


def test_a_push_that_changes_data_starts_one_run_and_the_runs_version_starts_none(
    older: Checkout, tmp_path: Path
) -> None:
    before, known = len(started(older)), older.json("history")
    commit = push(older, tmp_path, sample(100))
    run = ended(older, before + 1)
    assert (run["state"], run["triggered_by"]) == ("success", "asset")
    by_hand, made = older.json("history")[len(known) :]
    assert (by_hand["commit"], by_hand["run_id"]) == (commit, None)
    assert (made["run_id"], made["rows"]) == (run["dag_run_id"], 101)
    raised = events(older)[-1]
    assert raised["extra"] == {
        "from_rest_api": True,  # Airflow's own
        "commit": commit,
        "author": "Ann",
        "paths": ["datasets/employee_attrition.csv.dvc"],
        "changes": [commit],
    }
    assert [each["run_id"] for each in raised["created_dagruns"]] == [run["dag_run_id"]]
    # The service has checked the run's version, and each later push in turn.
    push(older, tmp_path, new_dataset("later"))
    ended(older, before + 2)
    assert len(started(older)) == before + 2
    older.lab("verify")


def test_a_push_that_changes_something_else_starts_none(older: Checkout, tmp_path: Path) -> None:
    before = len(started(older))
    edit = "echo note >> README.md && git -c user.name=Ann -c user.email=a@example.invalid commit -qam 'A note'"
    push(older, tmp_path, edit)
    commit = push(older, tmp_path, new_dataset("after-a-note"))
    ended(older, before + 1)
    assert len(started(older)) == before + 1
    assert events(older)[-1]["extra"]["changes"] == [commit]


def test_a_push_while_the_service_is_killed_starts_one_run_when_it_is_back(older: Checkout, tmp_path: Path) -> None:
    before, pid = len(started(older)), older.pids()["triggers"]
    os.kill(pid, signal.SIGSTOP)  # it can neither look nor be restarted
    commit = push(older, tmp_path, new_dataset("while-away"))
    os.kill(pid, signal.SIGKILL)
    run = ended(older, before + 1)
    assert run["state"] == "success"
    assert events(older)[-1]["extra"]["commit"] == commit
    older.lab("down")
    older.lab("up")
    push(older, tmp_path, new_dataset("after-a-night"))
    ended(older, before + 2)
    assert len(started(older)) == before + 2


def test_a_push_while_airflow_is_away_starts_one_run_and_the_log_says_why(older: Checkout, tmp_path: Path) -> None:
    before, group = len(started(older)), os.getpgid(older.pids()["airflow-api-server"])
    log = older.folder / ".lab" / "logs" / "triggers.log"
    os.killpg(group, signal.SIGSTOP)  # it takes questions, and answers none
    try:
        push(older, tmp_path, new_dataset("without-airflow"))
        eventually(lambda: "WARNING Airflow does not answer at " in log.read_text("utf-8"), "its log says so", limit=90)
    finally:
        os.killpg(group, signal.SIGKILL)
    assert ended(older, before + 1)["state"] == "success"
    assert len(started(older)) == before + 1
    assert "recovered" in log.read_text("utf-8")


def test_the_service_is_shown_as_every_other_and_comes_back_when_it_dies(older: Checkout) -> None:
    pid = older.pids()["triggers"]
    os.kill(pid, signal.SIGKILL)

    def healthy_again() -> bool:
        found = {each["name"]: each for each in older.status()["services"]}["triggers"]
        return found["pid"] not in {pid, None} and found["state"] == "healthy"

    eventually(healthy_again, "triggers is healthy again", limit=120)
    assert ("triggers", "ok") in {(check["name"], check["state"]) for check in older.json("doctor")}
    assert "Nothing to do" in older.lab("up").stderr
    assert "event for " in older.lab("logs", "triggers").stdout


def test_no_secret_stands_in_its_command_line_or_its_log(older: Checkout) -> None:
    secrets = [older.secret(file.name) for file in (older.folder / ".lab" / "secrets").iterdir()]
    lines = [*older.command_lines().values(), (older.folder / ".lab/logs/triggers.log").read_text("utf-8")]
    assert any("lab.triggers" in line for line in lines)
    assert not [line for line in lines if any(secret in line for secret in secrets)]
