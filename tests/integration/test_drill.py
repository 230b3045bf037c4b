"""The fault drill on the local engine: real faults, what is promised after them, and nothing left of the drill."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from lab.drill import plan
from tests.integration.checkout import Checkout
from tests.integration.drills import begins_with, branches, bucket
from tests.waiting import eventually

SIX = ("--rounds", "6", "--seed", "5")
LIMIT = 900


def test_every_fault_once_costs_no_version_and_leaves_nothing_behind(lab: Checkout) -> None:
    before = lab.json("history"), bucket(lab)
    result = lab.json("drill", *SIX)
    assert {each["round"]["fault"] for each in result["rounds"]} == {"", *plan.FAULTS}
    assert [len(each["versions"]) for each in result["rounds"]] == [1] * 7
    assert [check["promise"] for check in result["checks"] if not check["kept"]] == []
    assert any(each["struck"] for each in result["rounds"])
    assert (lab.json("history"), bucket(lab)) == before
    assert branches(lab) == []
    assert lab.json("status")["state"] == "healthy"


def test_a_stranger_on_the_branch_is_a_promise_that_broke(lab: Checkout, tmp_path: Path) -> None:
    running = lab.start("drill", "--rounds", "1", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    (name,) = eventually(lambda: branches(lab), "the branch of the drill", limit=120)
    lab.shell(
        f'git clone -q -b {name} "$PIPELINE_REPOSITORY" {tmp_path}/s && cd {tmp_path}/s\n'
        "git -c user.name=t -c user.email=t@t.invalid commit -q --allow-empty -m 'Not of the drill' && git push -q"
    )
    result = running.communicate(timeout=LIMIT)[0]
    assert running.returncode == 1, result
    assert "✗ the history is linear, and of these versions only" in result
    assert "is not one data version" in result
    assert branches(lab) == [name]
    lab.shell(f'git push -q "$PIPELINE_REPOSITORY" :refs/heads/{name}')


def interrupted(lab: Checkout, fault: str, is_away: Callable[[], bool], how: signal.Signals) -> int:
    """Start a drill, end it by a signal while something is away, and return its exit status."""
    running = lab.start("drill", "--rounds", "1", "--seed", begins_with(fault), stderr=subprocess.DEVNULL)
    try:
        eventually(is_away, f"{fault} strikes", limit=180)
        running.send_signal(how)
        return running.wait(180)
    finally:
        running.kill()


def test_a_drill_that_gets_sigterm_restores_everything_first(lab: Checkout) -> None:
    assert interrupted(lab, plan.GIT_AWAY, lambda: is_away(lab, plan.GIT_AWAY), signal.SIGTERM) == 130
    assert lab.json("status")["state"] == "healthy"


@pytest.mark.parametrize("fault", [plan.S3_TIMEOUT, plan.S3_503])
def test_what_a_killed_drill_took_away_is_put_back_by_up(lab: Checkout, fault: str) -> None:
    assert interrupted(lab, fault, lambda: is_away(lab, fault), signal.SIGKILL) == -signal.SIGKILL
    assert "what an interrupted drill took away" in lab.lab("up").stderr
    assert lab.json("status")["state"] == "healthy"
    assert "Nothing to do" in lab.lab("up").stderr


def is_away(lab: Checkout, fault: str) -> bool:
    """Whether the service of the fault is away: its process is stopped, or there is none."""
    program = "lab.engine.local.git_server" if fault == plan.GIT_AWAY else "localstack.runtime.main"
    found = [pid for pid, line in lab.command_lines().items() if line.endswith(program)]
    if fault == plan.S3_TIMEOUT:
        return bool(found) and psutil.Process(found[0]).status() == psutil.STATUS_STOPPED
    return not found
