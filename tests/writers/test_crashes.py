"""The next try repairs what a killed step leaves; what no try can repair ends the run with its reason."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.writers.place import BUCKET, DATASET, Place
from tests.writers.writers import STEPS, Host, Writer

BROKEN, UNAVAILABLE, REWRITTEN = 65, 69, 76


@pytest.fixture
def folder(place: Place) -> Callable[[], Path]:
    """The run's folder, once it has one."""

    def find() -> Path:
        (found,) = [entry for entry in (place.folder / "shared" / "runs").iterdir() if entry.is_dir()]
        return found

    return find


def left(place: Place) -> list[str]:
    return [entry.name for entry in (place.folder / "shared" / "runs").iterdir()]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_may_be_killed_at_a_line_and_tried_again_and_again(place: Place, writer: Writer, step: str) -> None:
    while STEPS[writer.next_step] != step:
        writer.go()
    for lines in (1, 7, 20, 45, 80, 120, 200):
        writer.go(lines)
        writer.crash()
    writer.finish()
    place.require_promises({writer.run_id: 3}, 0)


def test_a_killed_gits_and_dvcs_locks_are_dead_ones(place: Place, writer: Writer, folder: Callable[[], Path]) -> None:
    writer.go()
    clone = folder() / "repository"
    for name in ("index.lock", "HEAD.lock", "refs/heads/main.lock", "config.lock", "packed-refs.lock"):
        (clone / ".git" / name).touch()
    blocker = {"pid": os.getpid(), "cmd": "a process of another container, with a number that lives here too"}
    tmp = clone / ".dvc" / "tmp"
    tmp.mkdir(exist_ok=True)
    (tmp / "lock").write_text(f"{os.getpid()}\n")
    (tmp / "rwlock").write_text(json.dumps({"write": {str(clone / "datasets" / "employees.csv"): blocker}}))
    writer.finish()
    assert set(writer.statuses) == {0}
    place.require_promises({writer.run_id: 3}, 0)


@pytest.mark.parametrize("damage", ["half the file", "no file", "half the record", "half a clone", "no folder"])
def test_what_is_half_there_is_made_again(
    place: Place, writer: Writer, folder: Callable[[], Path], damage: str
) -> None:
    writer.go()
    writer.go()
    data = folder() / "repository" / "datasets" / "employees.csv"
    if damage == "half the file":
        data.write_bytes(data.read_bytes()[:100])
    elif damage == "no file":
        data.unlink()
    elif damage == "half the record":
        (folder() / "appended.json").write_text("{")
    elif damage == "half a clone":
        (folder() / "repository").rename(folder() / "repository.partial")
    else:
        folder().rename(place.folder / "elsewhere")
    writer.finish()
    assert set(writer.statuses) == {0}
    place.require_promises({writer.run_id: 3}, 0)


def test_rows_added_to_another_base_are_never_published_as_this_one(place: Place, writer: Writer) -> None:
    """Killed at each line of a push that finds the branch moved, wherever that is."""
    writer.go()
    writer.go()
    place.person_appends()
    for lines in range(10, 130, 10):
        writer.go(lines)
        writer.crash()
        place.require_object_of_head()
    writer.finish()
    place.require_promises({writer.run_id: 3}, 1)


def test_a_run_with_its_commit_on_the_branch_does_nothing_more(place: Place, writer: Writer) -> None:
    writer.finish()
    before = place.git("rev-parse", "main", at=place.bare)
    for step in range(len(STEPS)):
        writer.next_step = step
        writer.go()
    assert set(writer.statuses) == {0}
    assert place.git("rev-parse", "main", at=place.bare) == before
    assert left(place) == []


def test_a_persons_commit_that_leaves_the_data_alone_costs_no_replay(place: Place, writer: Writer) -> None:
    writer.go()
    writer.go()
    place.person_notes()
    writer.finish()
    assert "adding this run's rows" not in writer.said()
    place.require_promises({writer.run_id: 3}, 0)


def test_a_person_who_moves_the_remote_while_a_run_pushes_finds_its_object_there(place: Place, writer: Writer) -> None:
    writer.go()
    writer.go()
    writer.go_until("pushed object")
    place.move_remote("elsewhere")
    writer.finish()
    md5 = place.pointer("main").md5
    assert place.s3.head_object(Bucket=BUCKET, Key=f"elsewhere/files/md5/{md5[:2]}/{md5[2:]}")
    assert place.s3.head_object(Bucket=BUCKET, Key=f"elsewhere/receipts/{md5[:2]}/{md5[2:]}.json")


def test_runs_that_push_at_once_take_turns(host: Host, place: Place) -> None:
    """None of them invalidates what another does."""
    writers = [patient_writer(host, place, number) for number in range(4)]
    with ThreadPoolExecutor() as threads:
        list(threads.map(Writer.finish, writers))
    assert all("once more on its head" not in writer.said() for writer in writers)
    place.require_promises({writer.run_id: 3 for writer in writers}, 0)


def test_a_run_that_is_killed_in_its_turn_keeps_no_other_waiting(host: Host, place: Place) -> None:
    first, second = (patient_writer(host, place, number) for number in range(2))
    first.go(60)
    second.go_until("another run is pushing: waiting for its end")
    first.crash()
    second.finish()
    first.finish()
    place.require_promises({writer.run_id: 3 for writer in (first, second)}, 0)


def patient_writer(host: Host, place: Place, number: int) -> Writer:
    """One that waits for its turn longer than any test, and is about to push."""
    environment = {**place.environment(number, 3), "TURN_LIMIT": "600"}
    writer = Writer(host, environment, place.folder / f"run-{number}.log", 3)
    writer.go()
    writer.go()
    return writer


def test_a_push_that_gits_server_locks_out_is_tried_again_at_once(place: Place, writer: Writer) -> None:
    """As when another push is being taken at the same moment."""
    writer.go()
    writer.go()
    lock = place.bare / "refs" / "heads" / "main.lock"
    lock.touch()
    while "once more on its head" not in writer.said():
        writer.go(10)
        assert writer.statuses == [0, 0]
    lock.unlink()
    writer.finish()
    assert set(writer.statuses) == {0}
    place.require_promises({writer.run_id: 3}, 0)


def test_a_run_without_rows_says_so_and_makes_no_version(host: Host, place: Place) -> None:
    writer = Writer(host, place.environment(1, 0), place.folder / "run.log", 0)
    writer.finish()
    assert "no rows to add: no new data version" in writer.said()
    place.require_promises({}, 0)


@pytest.mark.parametrize("when", [1, 2])
def test_a_history_rewritten_under_a_run_ends_it_with_the_reason(place: Place, writer: Writer, when: int) -> None:
    place.person_notes()
    for _ in range(when):
        writer.go()
    place.git("reset", "--quiet", "--hard", "HEAD^")
    place.git("commit", "--quiet", "--allow-empty", "--message", "Another history")
    place.git("push", "--quiet", "--force", "origin", "main")
    writer.go()
    assert writer.statuses[-1] == REWRITTEN
    assert "error: the history of the branch main was rewritten" in writer.said()
    assert "hint: " in writer.said()
    place.require_promises({}, 0)


def test_a_second_try_waits_until_the_first_has_ended(host: Host, place: Place, writer: Writer) -> None:
    """As after Airflow has given up a task and its process continues."""
    writer.go()
    writer.go()
    writer.go(60)
    assert writer.step is not None
    second = Writer(host, writer.environment, writer.output, writer.rows, next_step=STEPS.index("push"))
    second.go(40)
    assert not second.ended
    writer.finish()
    second.finish()
    assert writer.statuses + second.statuses == [0, 0, 0, 0]
    place.require_promises({writer.run_id: 3}, 0)


@pytest.mark.parametrize(("left_over", "gone"), [("0", True), ("1", False)])
def test_a_failed_step_leaves_its_folder_only_to_a_try_that_follows(
    place: Place, writer: Writer, left_over: str, gone: bool
) -> None:
    writer.go()
    writer.environment["PIPELINE_TRIES_LEFT"] = left_over
    place.bare.rename(place.folder / "away")
    writer.go()
    assert writer.statuses[-1] == UNAVAILABLE
    assert (left(place) == []) is gone
    (place.folder / "away").rename(place.bare)
    writer.finish()
    place.require_promises({writer.run_id: 3}, 0)


def test_folders_of_dead_runs_are_collected_and_no_others(host: Host, place: Place, writer: Writer) -> None:
    """A dead one was not touched for an hour, and no process holds it."""
    dead = Writer(host, {**writer.environment, "PIPELINE_RUN_ID": "dead"}, writer.output, 1)
    busy = Writer(host, {**writer.environment, "PIPELINE_RUN_ID": "busy"}, writer.output, 1)
    young = Writer(host, {**writer.environment, "PIPELINE_RUN_ID": "young"}, writer.output, 1)
    for other in (dead, young):
        other.go()
    busy.go(60)
    long_ago = time.time() - 2 * 3600
    for entry in (place.folder / "shared" / "runs").iterdir():
        if not entry.name.startswith("young"):
            os.utime(entry, (long_ago, long_ago))
    writer.finish()
    assert {name.split("-")[0] for name in left(place)} == {"busy", "young"}
    for other in (busy, young, dead):
        other.finish()
    place.require_promises({each.run_id: 3 for each in (writer, dead, busy, young)}, 0)


def test_a_missing_object_is_named(place: Place, writer: Writer) -> None:
    md5 = place.pointer("main").md5
    place.publish(b"Employee ID\n1\n", "Another version")
    place.git("revert", "--no-edit", "HEAD")
    place.git("push", "--quiet", "origin", "main")
    place.s3.delete_object(Bucket=BUCKET, Key=place.key(md5))
    writer.go()
    assert writer.statuses == [BROKEN]
    assert f"error: {DATASET}: its object, md5 {md5}, is not on the DVC remote" in writer.said()
    assert left(place) == []


def test_a_remote_that_holds_nothing_may_be_coming_up(place: Place, writer: Writer) -> None:
    md5 = place.pointer("main").md5
    place.move_remote("nothing-here")
    writer.go()
    assert writer.statuses == [UNAVAILABLE]
    assert f"error: {DATASET}: its object, md5 {md5}, could not be pulled" in writer.said()


def test_a_missing_dataset_is_named_with_the_commit(place: Place, writer: Writer) -> None:
    writer.environment["PIPELINE_DATASET"] = "datasets/other.csv"
    writer.go()
    assert writer.statuses == [BROKEN]
    assert "error: datasets/other.csv.dvc is not in the repository at " in writer.said()
    assert left(place) == []
