"""Receipts, differences, the report and repair on a real lab, and what the bucket and the pointers may suffer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.access import DATASET
from tests.integration.by_hand import commit_by_hand, error_of, publish
from tests.integration.checkout import Checkout


@pytest.fixture
def branch(lab: Checkout, tmp_path: Path) -> Iterator[str]:
    """A branch's name; the branch is gone after the test."""
    yield "by-hand"
    lab.shell(f'git init -q {tmp_path}/none && cd {tmp_path}/none && git push -q "$PIPELINE_REPOSITORY" :by-hand')


def test_a_version_is_shown_with_its_receipt_and_the_rows_it_added(lab: Checkout) -> None:
    made = lab.json("run", "--rows", "7")["version"]
    shown = lab.json("history", "latest")
    receipt, rows = shown["receipt"], shown["difference"]
    assert (receipt["md5"], receipt["run"]["id"]) == (made["md5"], made["run_id"])
    assert (receipt["rows"], receipt["base"]["md5"]) == (made["rows"], made["base_md5"])
    assert list(receipt["tasks"]) == list(shown["task_seconds"]) == ["pull_data", "modify_data", "push_data"]
    assert shown["receipt_problems"] == []
    assert (rows["added"], rows["removed"], rows["changed"]) == (7, 0, 0)
    assert rows["first_added"] == [receipt["first_id"] + number for number in range(5)]
    printed = lab.lab("history", "latest").stdout
    assert "+7 added  -0 removed  ~0 changed" in printed
    assert made["dvc_version"] in printed


def test_a_receipt_that_says_something_else_is_found_and_made_again(lab: Checkout, tmp_path: Path) -> None:
    made = lab.json("run")["version"]
    key = f"s3://mlops-lab/dvc/receipts/{made['md5'][:2]}/{made['md5'][2:]}.json"
    lab.shell(f"aws s3 cp --quiet {key} {tmp_path}/r && sed -i.orig 's/manual__/scheduled__/' {tmp_path}/r && "
              f"aws s3 cp --quiet {tmp_path}/r {key}")  # fmt: skip
    assert f"version {made['number']}: its receipt says run id scheduled__" in error_of(lab, "verify")
    lab.shell(f"aws s3 rm --quiet {key}")
    assert f"version {made['number']}: its receipt is missing" in error_of(lab, "verify")
    restored = lab.json("repair")["restored"]
    assert [(each["kind"], each["source"]) for each in restored] == [("receipt", "commit")]
    lab.lab("verify")


def test_another_branch_has_its_own_versions_and_a_missing_one_is_reported(
    lab: Checkout, tmp_path: Path, branch: str
) -> None:
    publish(lab, tmp_path / "c", branch, f"head -n 51 {DATASET} > few && mv few {DATASET}")
    own = lab.json("history", "--branch", branch)
    assert own[:-1] == lab.json("history")
    shown = lab.json("history", "latest", "--branch", branch)
    assert shown["difference"]["removed"] == own[-2]["rows"] - 50
    assert shown["receipt"] is None
    lab.lab("verify", "--branch", branch)
    output = lab.lab("verify", "--branch", "nowhere", status=9).stderr
    assert "there is no branch 'nowhere'" in output
    assert branch in output


def test_a_pointer_with_a_wrong_md5_is_named_by_verify_and_is_no_base_for_a_run(
    lab: Checkout, tmp_path: Path, branch: str
) -> None:
    wrong = "00000000000000000000000000000bad"
    edit = f"sed -i.orig 's/md5: .*/md5: {wrong}/' {DATASET}.dvc && rm {DATASET}.dvc.orig"
    commit_by_hand(lab, tmp_path / "c", branch, edit)
    assert f"files/md5/00/{wrong[2:]} is missing" in error_of(lab, "verify", "--branch", branch)
    before = lab.json("history", "--branch", branch)
    output = error_of(lab, "run", "--branch", branch)
    assert f"pull_data: {DATASET}: its object, md5 {wrong}, is not on the DVC remote" in output
    assert lab.json("history", "--branch", branch) == before
    assert f"{wrong[2:]} (version {before[-1]['number']} of {branch})" in error_of(lab, "repair")


def test_a_dataset_with_other_columns_is_refused_and_the_difference_named(
    lab: Checkout, tmp_path: Path, branch: str
) -> None:
    publish(lab, tmp_path / "c", branch, f"cut -d, -f1,3- {DATASET} > less && mv less {DATASET}")
    for command in ("verify", "run"):
        assert "column 2: 'Age' is missing" in error_of(lab, command, "--branch", branch)
    assert lab.json("history", "latest", "--branch", branch)["difference"]["columns"] == ["Age"]


@pytest.fixture
def saved(lab: Checkout, tmp_path: Path) -> Iterator[Path]:
    """A copy of the bucket, which is put back afterwards."""
    folder = tmp_path / "saved"
    lab.shell(f"aws s3 sync --quiet s3://mlops-lab/dvc {folder}")
    yield folder
    lab.shell(f"aws s3 sync --quiet {folder} s3://mlops-lab/dvc")
    lab.lab("verify")


def sources(outcome: Any) -> set[str]:
    return {each["source"] for each in outcome["restored"]}


def test_of_an_emptied_bucket_each_version_is_named_and_what_can_be_had_is_restored(
    lab: Checkout, tmp_path: Path, branch: str, saved: Path
) -> None:
    lab.json("run", "--rows", "2")
    publish(lab, tmp_path / "c", branch, f"head -n 5 {DATASET} > few && mv few {DATASET}")
    by_hand = lab.json("history", "--branch", branch)[-1]
    (clone := tmp_path / "c").rename(tmp_path / "elsewhere")
    lab.shell("aws s3 rm --quiet --recursive s3://mlops-lab/dvc/")

    verdicts = lab.lab("verify", "--branch", branch, status=1).stdout
    assert verdicts.count(" is missing") >= by_hand["number"]
    assert verdicts.count("✗ version") == by_hand["number"]

    output = lab.lab("repair", status=1).stdout
    assert "from seed" in output
    assert "from replay of its run" in output
    assert "from commit" in output
    assert f"✗ lost dvc/files/md5/{by_hand['md5'][:2]}/{by_hand['md5'][2:]} (version {by_hand['number']} of" in output

    assert not clone.exists()
    outcome = lab.json("repair", "--from", str(tmp_path / "elsewhere"), "--from", str(saved))
    assert outcome["lost"] == []
    assert any("elsewhere" in source for source in sources(outcome))
    lab.lab("verify", "--branch", branch)
    assert lab.json("repair")["restored"] == []


def test_a_damaged_object_is_replaced_and_a_sound_one_is_never_written(lab: Checkout, saved: Path) -> None:
    newest = lab.json("history")[-1]
    key = f"dvc/files/md5/{newest['md5'][:2]}/{newest['md5'][2:]}"
    lab.shell(f"echo damaged | aws s3 cp --quiet - s3://mlops-lab/{key}")
    before = lab.shell("aws s3 ls --recursive s3://mlops-lab/dvc/").splitlines()
    assert [each["key"] for each in lab.json("repair")["restored"]] == [key]
    after = lab.shell("aws s3 ls --recursive s3://mlops-lab/dvc/").splitlines()
    assert [line for line in before if key not in line] == [line for line in after if key not in line]
    lab.lab("verify")


def test_the_report_is_one_file_with_every_version(lab: Checkout, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    printed = lab.lab("report", "--output", str(file)).stdout
    assert printed.strip() == str(file)
    page = file.read_text("utf-8")
    known = lab.json("history")
    assert page.count('<tr id="v') == len(known)
    assert all(version["commit"] in page for version in known)
    assert page.count("✓ verified") == len(known)
    lab.lab("report", "--no-verify", "--output", str(file))
    assert file.read_text("utf-8").count("· not checked") == len(known)
