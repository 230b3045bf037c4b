"""`lab gc` lists and quarantines what no commit names, never what a branch, a tag or an active run needs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.access import DATASET
from tests.integration.by_hand import IDENTITY, commit_by_hand, error_of, publish
from tests.integration.checkout import Checkout
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def clean(lab: Checkout) -> Iterator[None]:
    """The bucket before and after has nothing that no commit names, and what is in the quarantine is of this test."""
    lab.lab("gc", "--delete", "--older-than", "0")
    lab.shell("aws s3 rm --quiet --recursive s3://mlops-lab/quarantine/")
    yield
    lab.lab("gc", "--delete", "--older-than", "0")
    lab.lab("verify")


def push_orphan(lab: Checkout, folder: Path, content: str) -> str:
    """Put a file under DVC and push its object, without a commit; returns the object's key."""
    lab.shell(
        f'git clone -q "$PIPELINE_REPOSITORY" {folder} && cd {folder}\n'
        f"printf %s '{content}' > orphan.txt && dvc add -q orphan.txt && dvc push -q orphan.txt.dvc"
    )
    return key_of(content)


def key_of(content: str) -> str:
    md5 = hashlib.md5(content.encode()).hexdigest()  # noqa: S324 - DVC's content address
    return f"dvc/files/md5/{md5[:2]}/{md5[2:]}"


def keys(found: Any) -> list[str]:
    return [each["key"] for each in found["garbage"]]


def is_there(lab: Checkout, key: str) -> bool:
    return bool(lab.shell(f"aws s3 ls s3://mlops-lab/{key} || true").strip())


def test_an_object_without_a_commit_is_no_version_and_is_garbage(lab: Checkout, tmp_path: Path) -> None:
    before = lab.json("history")
    key = push_orphan(lab, tmp_path / "c", "an orphan")
    assert lab.json("history") == before
    found = lab.json("gc")
    assert keys(found) == [key]
    assert found["garbage"][0]["size"] == len("an orphan")
    assert 0 <= found["garbage"][0]["age_seconds"] < 600
    assert is_there(lab, key)


def quarantine(lab: Checkout, *options: str) -> Any:
    """`lab gc --delete` of everything that it may take."""
    return lab.json("gc", "--delete", "--older-than", "0", *options)


def held(lab: Checkout) -> list[str]:
    """The keys that the objects in the quarantine had."""
    return sorted(each["original"] for each in lab.json("gc")["quarantine"])


def test_it_is_quarantined_only_when_asked_and_when_it_is_old_enough(lab: Checkout, tmp_path: Path) -> None:
    key = push_orphan(lab, tmp_path / "c", "young")
    shown = lab.lab("gc", "--delete").stdout
    assert "a person may be about to commit it" in shown
    assert is_there(lab, key)
    assert [each["quarantined"] for each in quarantine(lab)["garbage"]] == [True]
    assert not is_there(lab, key)
    assert keys(lab.json("gc")) == []
    assert held(lab) == [key]


def test_it_is_deleted_only_after_its_days_in_the_quarantine(lab: Checkout, tmp_path: Path) -> None:
    key = push_orphan(lab, tmp_path / "c", "kept for a week")
    quarantine(lab)
    (kept,) = quarantine(lab)["quarantine"]
    assert (kept["original"], kept["deleted"], kept["kept"].startswith("until ")) == (key, False, True)
    assert is_there(lab, kept["key"])
    (expired,) = quarantine(lab, "--quarantine-days", "0")["quarantine"]
    assert (expired["key"], expired["deleted"]) == (kept["key"], True)
    assert not is_there(lab, kept["key"])
    assert held(lab) == []


def test_an_object_is_never_quarantined_and_deleted_by_one_command(lab: Checkout, tmp_path: Path) -> None:
    key = push_orphan(lab, tmp_path / "c", "not both")
    quarantine(lab, "--quarantine-days", "0")
    assert held(lab) == [key]


def test_a_version_that_a_late_commit_names_is_explained_by_verify_and_restored_by_repair(
    lab: Checkout, tmp_path: Path
) -> None:
    publish(lab, tmp_path / "c", "late", f"head -n 11 {DATASET} > few && mv few {DATASET}")
    lab.shell(f"cd {tmp_path}/c && git push -q origin :late")
    (key,) = [each["key"] for each in quarantine(lab)["garbage"]]
    lab.shell(f"cd {tmp_path}/c && git push -q origin late")
    try:
        shown = lab.lab("verify", "--branch", "late", status=1)
        assert f"{key.removeprefix('dvc/')} is in the quarantine of lab gc" in shown.stdout
        assert "make lab-repair" in shown.stderr
        assert [(each["key"], each["source"]) for each in lab.json("repair")["restored"]] == [(key, "quarantine")]
        lab.lab("verify", "--branch", "late")
        assert held(lab) == [key]  # the copy, which goes with the next
        quarantine(lab)
        assert held(lab) == []
        assert is_there(lab, key)
    finally:
        lab.shell(f"cd {tmp_path}/c && git push -q origin :late")


def test_a_folder_that_a_late_commit_names_is_restored_with_its_files(lab: Checkout, tmp_path: Path) -> None:
    edit = "mkdir models && printf one > models/1 && printf two > models/2\ndvc add -q models && dvc push -q models.dvc"
    commit_by_hand(lab, tmp_path / "c", "models", edit)
    lab.shell(f"cd {tmp_path}/c && git push -q origin :models")
    moved = keys(quarantine(lab))
    assert len(moved) == 3
    lab.shell(f"cd {tmp_path}/c && git push -q origin models")
    try:
        assert [each["named"] for each in lab.json("gc")["quarantine"]].count(True) == 1  # the list of its files
        quarantine(lab)
        assert held(lab) == []
        assert all(is_there(lab, key) for key in moved)
    finally:
        lab.shell(f"cd {tmp_path}/c && git push -q origin :models")


def test_a_receipt_without_a_commit_is_garbage_too(lab: Checkout) -> None:
    key = f"dvc/receipts/00/{'1' * 30}.json"
    lab.shell(f"echo '{{}}' | aws s3 cp --quiet - s3://mlops-lab/{key}")
    lab.shell("echo x | aws s3 cp --quiet - s3://mlops-lab/dvc/another/persons.txt")
    assert keys(lab.json("gc", "--delete", "--older-than", "0")) == [key]
    assert is_there(lab, "dvc/another/persons.txt")


def test_what_a_tag_or_another_branch_names_stays_with_the_files_of_its_folders(lab: Checkout, tmp_path: Path) -> None:
    edit = (
        "mkdir models && printf one > models/1 && printf two > models/2\n"
        "dvc add -q models && dvc push -q models.dvc\n"
        "printf three > three.txt && dvc add -q three.txt && dvc push -q three.txt.dvc\n"
        "md5=$(sed -n 's/.*md5: \\([0-9a-f]*\\)$/\\1/p' three.txt.dvc) && rm three.txt.dvc three.txt\n"
        "printf \"schema: '2.0'\\nstages:\\n  s:\\n    cmd: x\\n    outs:\\n    - path: t\\n      hash: md5\\n"
        "      md5: '$md5'\\n      size: 5\\n\" > dvc.lock"
    )
    commit_by_hand(lab, tmp_path / "c", "models", edit)
    lab.shell(f"cd {tmp_path}/c && git tag kept && git push -q origin kept :models")
    try:
        assert keys(lab.json("gc", "--delete", "--older-than", "0")) == []
        assert all(is_there(lab, key_of(content)) for content in ("one", "two", "three"))
    finally:
        lab.shell(f"cd {tmp_path}/c && git push -q origin :kept")
    assert {key_of(content) for content in ("one", "two", "three")} < set(keys(lab.json("gc")))


@pytest.mark.parametrize("broken", ["outs: [", "outs:\\n- path: x\\n"])
def test_nothing_is_quarantined_while_a_pointer_cannot_be_read(lab: Checkout, tmp_path: Path, broken: str) -> None:
    key = push_orphan(lab, tmp_path / "o", "not now")
    commit_by_hand(lab, tmp_path / "c", "broken", f"printf '{broken}' > bad.dvc")
    try:
        assert "bad.dvc at " in error_of(lab, "gc", "--delete", "--older-than", "0")
        assert is_there(lab, key)
        assert lab.json("gc")["unreadable"]
    finally:
        lab.shell(f"cd {tmp_path}/c && git push -q origin :broken")


def test_nothing_is_quarantined_while_a_folder_that_is_named_is_missing(lab: Checkout, tmp_path: Path) -> None:
    key = push_orphan(lab, tmp_path / "o", "of a folder, perhaps")
    commit_by_hand(lab, tmp_path / "c", "folder", f"printf 'outs:\\n- md5: {'a' * 32}.dir\\n  path: x\\n' > x.dvc")
    try:
        assert f"{'a' * 32}.dir is missing" in error_of(lab, "gc", "--delete", "--older-than", "0")
        assert is_there(lab, key)
    finally:
        lab.shell(f"cd {tmp_path}/c && git push -q origin :folder")


def test_what_was_pushed_since_an_active_run_began_stays_until_it_has_ended(lab: Checkout, tmp_path: Path) -> None:
    lab.shell("airflow dags pause -y dataset_pipeline")  # so that the run stays queued
    try:
        lab.shell("airflow dags trigger --run-id gc_waits dataset_pipeline")
        key = push_orphan(lab, tmp_path / "c", "of a run")
        found = lab.json("gc", "--delete", "--older-than", "0")
        assert found["active_runs"] == 1
        assert [(each["key"], each["quarantined"]) for each in found["garbage"]] == [(key, False)]
        assert "a run is active" in found["garbage"][0]["kept"]
    finally:
        lab.shell("airflow dags unpause -y dataset_pipeline")
    eventually(lambda: lab.json("history")[-1]["run_id"] == "gc_waits", "the run's version", limit=300)
    eventually(lambda: lab.json("gc")["active_runs"] == 0, "the run's end", limit=60)
    assert keys(lab.json("gc", "--delete", "--older-than", "0")) == [key]
    assert not is_there(lab, key)


def test_history_that_was_rewritten_leaves_garbage_and_what_is_left_verifies(lab: Checkout, tmp_path: Path) -> None:
    made = lab.json("run", "--rows", "1")["version"]
    lab.shell(
        f'git clone -q "$PIPELINE_REPOSITORY" {tmp_path}/c && cd {tmp_path}/c\n'
        f"git {IDENTITY} reset -q --hard HEAD~1 && git push -qf origin HEAD:main"
    )
    place = f"{made['md5'][:2]}/{made['md5'][2:]}"
    assert keys(lab.json("gc")) == [f"dvc/files/md5/{place}", f"dvc/receipts/{place}.json"]
