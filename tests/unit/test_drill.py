"""The parts of the fault drill that need no lab: its plan, its checks, its table, and what it takes S3's place with."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from lab.drill import check, plan, report
from lab.drill.branch import Start
from lab.drill.check import PromiseCheck
from lab.drill.kind_steps import NodeStep, looks
from lab.drill.outcome import Outcome
from lab.drill.plan import FAULTS, SECONDS, TASKS, Round
from lab.drill.refusing import refusing, resetting
from lab.engine.ports import first_free
from lab.lineage import versions
from lab.pipeline.git import Repository
from tests.unit.conftest import Outcome as Ended
from tests.unit.support import commit, git, md5_like, new_repository, pointer_text

PATH = "datasets/d.csv"
ROUND = Round(1, plan.KILL, "push_data", 0.5, 0, 7)


def test_a_seed_has_one_plan_on_every_machine() -> None:
    assert plan.make(7, 60) == plan.make(7, 60)
    assert plan.make(7, 60)[:6] == plan.make(7, 6)
    assert plan.make(7, 60) != plan.make(8, 60)
    first = plan.make(7, 1)[0]
    assert (first.fault, first.task, first.moment, first.rows) == ("s3-503", "push_data", 0.434, 19)


def test_six_rounds_have_every_fault_and_eighteen_each_in_every_task() -> None:
    planned = plan.make(3, 54)
    for first in range(0, 54, 6):
        assert {each.fault for each in planned[first : first + 6]} == set(FAULTS)
    pairs = Counter((each.fault, each.task) for each in planned)
    assert pairs == {(fault, task): 3 for fault in FAULTS for task in TASKS}


def test_rounds_keep_within_their_bounds() -> None:
    for each in plan.make(11, 600):
        least, most = SECONDS.get(each.fault, (0, 0))
        assert 0 <= each.moment <= 1
        assert least <= each.seconds <= most
        assert 1 <= each.rows <= plan.MOST_ROWS


def test_the_plan_is_printed_where_no_lab_is(lab: Callable[..., Ended]) -> None:
    found = lab("drill", "--plan", "--rounds", "3", "--seed", "7", "--json")
    assert json.loads(found.out) == [asdict(each) for each in plan.make(7, 3)]
    assert lab("drill", "--plan", "--rounds", "3", "--seed", "7").out.count("\n") == 4


def test_a_drill_may_begin_with_a_later_round_of_the_same_plan(lab: Callable[..., Ended]) -> None:
    plan_of_six = json.loads(lab("drill", "--plan", "--rounds", "6", "--json").out)
    assert json.loads(lab("drill", "--plan", "--rounds", "6", "--first", "5", "--json").out) == plan_of_six[4:]
    refused = lab("drill", "--plan", "--rounds", "6", "--first", "7")
    assert (refused.status, "round 7 is not one of 6" in refused.err) == (2, True)


def test_a_drill_needs_a_running_lab(lab: Callable[..., Ended]) -> None:
    assert lab("drill").status == 6


def outcome(run: str, state: str = "success", planned: Round = ROUND, tries: int = 1) -> Outcome:
    return Outcome(planned, run, state, struck=True, note="struck", tries={"push_data": tries}, seconds=10)


def test_the_table_has_a_line_for_each_fault_and_task_and_the_sum() -> None:
    played = [
        outcome("a", tries=2),
        outcome("b", "failed", tries=4),
        replace(outcome("c"), round=replace(ROUND, fault=plan.EVICT), struck=False, seconds=30, versions=["1"]),
        replace(outcome("d"), round=plan.clean_round(1)),
    ]
    assert report.rows(played) == [
        ["none", "", "1", "1", "1", "1", "0", "0", "10"],
        ["kill", "push_data", "2", "2", "2 to 4", "1", "1", "0", "10"],
        ["evict", "push_data", "1", "0", "1", "1", "0", "1", "30"],
        ["all", "", "4", "3", "1 to 4", "3", "1", "1", "10"],
    ]


def test_json_has_each_round_and_whether_each_promise_was_kept() -> None:
    checks = [PromiseCheck("kept", []), PromiseCheck("broken", ["why"])]
    found = json.loads(json.dumps(report.as_data(7, "drill-7", {"pull_data": 1.234}, [outcome("a")], checks)))
    assert found["rounds"][0]["round"]["fault"] == "kill"
    assert [each["kept"] for each in found["checks"]] == [True, False]
    assert found["usual_seconds"] == {"pull_data": 1.23}


@pytest.fixture
def clone(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "repository")


def version(clone: Repository, number: int, run: str, base: int | None = None) -> None:
    claims = {"Data-Md5": md5_like(number), "Data-Base": md5_like(number - 1 if base is None else base), "Run-Id": run}
    trailers = "\n".join(f"{name}: {value}" for name, value in claims.items())
    commit(clone, f"Data version: d\n\nprose\n\n{trailers}", {f"{PATH}.dvc": pointer_text(md5_like(number))})


def begin(clone: Repository) -> Start:
    """Version 1 on the lab's branch, and a branch of a drill that `clone` continues."""
    commit(clone, "By hand", {f"{PATH}.dvc": pointer_text(md5_like(1))})
    return Start(clone.out("rev-parse", "HEAD"), versions.read(clone)[-1])


def problems(clone: Repository, start: Start, outcomes: list[Outcome]) -> tuple[list[str], list[str]]:
    """What is wrong with the versions, and with the history."""
    git(clone.folder, "update-ref", "refs/remotes/origin/drill", "HEAD")
    made = versions.read(clone, f"{start.commit}..origin/drill")
    check.assign(made, outcomes)
    return check.version_problems(made, outcomes), check.history_problems(clone, start, "drill", made)


def test_one_version_for_each_run_that_succeeded_is_what_is_promised(clone: Repository) -> None:
    start = begin(clone)
    version(clone, 2, "a")
    version(clone, 3, "c")
    played = [outcome("a"), outcome("b", "failed"), outcome("c")]
    assert problems(clone, start, played) == ([], [])
    assert [len(each.versions) for each in played] == [1, 0, 1]


def test_a_version_too_many_one_too_few_and_one_of_a_failed_run_are_reported(clone: Repository) -> None:
    start = begin(clone)
    for number, run in ((2, "a"), (3, "a"), (4, "b"), (5, "stranger")):
        version(clone, number, run)
    found, history = problems(clone, start, [outcome("a"), outcome("b", "failed"), outcome("c")])
    assert history == []
    assert [line.split(" (")[0] for line in found[:3]] == [
        "round 1, success, made 2 versions",
        "round 1, failed, made 1 versions",
        "round 1, success, made 0 versions",
    ]
    assert found[3].endswith("is of no run of this drill")


def test_a_merge_a_commit_that_is_no_version_and_a_wrong_base_are_reported(clone: Repository) -> None:
    start = begin(clone)
    version(clone, 2, "a", base=9)
    git(clone.folder, "checkout", "--quiet", "-b", "side")
    commit(clone, "A person's notes", {"notes": ""})
    git(clone.folder, "checkout", "--quiet", "main")
    git(clone.folder, "merge", "--quiet", "--no-ff", "--message", "Merged", "side")
    _, found = problems(clone, start, [outcome("a")])
    assert any("has 2 parents" in line for line in found)
    assert any("is not one data version" in line for line in found)
    assert any(f"says its base is {md5_like(9)}, before it is {md5_like(1)}" in line for line in found)


def test_a_branch_that_was_replaced_is_reported(clone: Repository) -> None:
    start = begin(clone)
    git(clone.folder, "checkout", "--quiet", "--orphan", "new")
    version(clone, 2, "a")
    _, found = problems(clone, start, [outcome("a")])
    assert found == [f"the branch does not contain {start.commit[:10]}, from which it was made"]


def test_each_look_into_the_node_finds_the_steps_at_work() -> None:
    lines = [
        "12 PIPELINE_RUN_ID=a HOSTNAME=pull-data-x  python -m lab.pipeline pull\n",
        "13 HOSTNAME=push-data-y PIPELINE_RUN_ID=b  python -m lab.pipeline push\n",
        ".\n",
        "13  \n",  # it ended during the look
        ".\n",
        "14 PIPELINE_RUN_ID=c HOSTNAME=cut-o",
    ]
    both = {NodeStep(12, "a", "pull-data-x", "pull"), NodeStep(13, "b", "push-data-y", "push")}
    assert list(looks(lines)) == [both, set()]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE"])
def test_the_stand_in_answers_503_to_everything(method: str) -> None:
    port = first_free([], {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(2):  # the port is free again at once
        with refusing("127.0.0.1", port):
            request = urllib.request.Request(f"http://127.0.0.1:{port}/bucket/key", method=method)
            with pytest.raises(urllib.error.HTTPError) as caught:
                opener.open(request, timeout=5)
            caught.value.close()
            assert caught.value.code == 503


def test_the_stand_in_of_git_resets_connections_and_keeps_the_port() -> None:
    port = first_free([], {})
    for _ in range(2):
        with resetting("127.0.0.1", port):
            with pytest.raises(ConnectionResetError), socket.create_connection(("127.0.0.1", port), 5) as connection:
                connection.recv(1)
            assert first_free([port], {}) != port
