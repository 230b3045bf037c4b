"""What people do to branch, pointer and bucket while a step is at work stays as they left it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.writers.place import BUCKET, POINTER, Place
from tests.writers.writers import Host, Writer

BROKEN, UNAVAILABLE, REWRITTEN = 65, 69, 76
STORED = "pushed object"
MOMENTS = [0.0, 1.0]
"""How much of the way from the object in the bucket to the push is behind a run when a person acts."""


@pytest.fixture(scope="module")
def lines_to_push(host: Host, new_place: Callable[[], Place]) -> int:
    """How many lines a run takes from the object in the bucket to the commit on the branch, less the last one."""
    place = new_place()
    writer = about_to_push(host, place)
    before, lines = place.head(), 0
    while place.head() == before:
        writer.go(1)
        lines += 1
    writer.finish()
    return lines - 1


def about_to_push(host: Host, place: Place) -> Writer:
    """A run with its object in the bucket, on a branch with a commit before the head."""
    place.person_notes()
    writer = Writer(host, place.environment(1, 3), place.folder / "run.log", 3)
    writer.go()
    writer.go()
    writer.go_until(STORED)
    return writer


def parent(place: Place) -> str:
    return place.git("rev-parse", "main^", at=place.bare)


def no_branch(place: Place) -> None:
    return None


def another_history(place: Place) -> str:
    return place.git("commit-tree", "main^{tree}", "-m", "Another history", at=place.bare)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("target", [parent, no_branch, another_history])
def test_a_branch_that_is_reset_or_deleted_during_a_push_stays_so(
    host: Host, place: Place, lines_to_push: int, target: Callable[[Place], str | None], moment: float
) -> None:
    writer = about_to_push(host, place)
    writer.go(int(lines_to_push * moment))
    assert writer.step is not None
    left = target(place)
    place.operator_sets(left)
    writer.go()
    assert writer.statuses == [0, 0, REWRITTEN], writer.said()
    assert place.head() == left
    assert f"error: the {'history of the ' if left else ''}branch main was" in writer.said()
    assert "hint: the run made no data version" in writer.said()
    assert list((place.folder / "shared" / "runs").iterdir()) == []


def test_a_branch_that_is_deleted_between_steps_ends_the_run(place: Place, writer: Writer) -> None:
    writer.go()
    place.operator_sets(None)
    writer.go()
    assert writer.statuses == [0, REWRITTEN]
    assert "error: the branch main was deleted while this run was under way" in writer.said()
    assert place.head() is None


def test_a_branch_that_moves_forward_during_a_push_is_followed(host: Host, place: Place, lines_to_push: int) -> None:
    writer = about_to_push(host, place)
    writer.go(lines_to_push)
    place.person_notes()
    writer.finish()
    assert "once more on its head" in writer.said()
    place.require_promises({writer.run_id: 3}, 0)


def test_a_branch_that_is_reset_and_brought_back_during_a_push_gets_the_version(
    host: Host, place: Place, lines_to_push: int
) -> None:
    writer = about_to_push(host, place)
    head = place.head()
    place.operator_sets(parent(place))
    writer.go(lines_to_push // 2)
    place.operator_sets(head)
    writer.finish()
    place.require_promises({writer.run_id: 3}, 0)


def test_what_a_person_writes_about_a_dataset_meanwhile_stays(host: Host, place: Place) -> None:
    writer = about_to_push(host, place)
    place.person_describes("  desc: all who left\nmeta:\n  owner: ada  # since May\n")
    writer.finish()
    place.require_promises({writer.run_id: 3}, 0)
    text = place.git("show", f"main:{POINTER}", at=place.bare)
    assert "  desc: all who left\n" in text
    assert "meta:\n  owner: ada  # since May" in text


def test_a_version_changes_md5_and_size_of_its_pointer_and_nothing_else(place: Place, writer: Writer) -> None:
    writer.finish()
    before, after = (
        place.git("show", f"{commit}:{POINTER}", at=place.bare).splitlines() for commit in ("main^", "main")
    )
    assert len(before) == len(after)
    changed = [after_line for line, after_line in zip(before, after, strict=True) if line != after_line]
    assert [line.rpartition(" ")[0] for line in changed] == ["- md5:", "  size:"]
    assert place.git("diff", "--name-only", "main^", "main", at=place.bare) == POINTER


@pytest.mark.parametrize("damage", ["half of it", "other bytes", "nothing"])
def test_no_commit_names_an_object_that_is_not_what_was_pushed(host: Host, place: Place, damage: str) -> None:
    writer = about_to_push(host, place)
    (key,) = [
        each["Key"]
        for each in place.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{place.prefix}/files/")["Contents"]
        if place.pointer("main").md5[2:] not in each["Key"]
    ]
    content = place.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    if damage == "nothing":
        place.s3.delete_object(Bucket=BUCKET, Key=key)
    else:
        left = content[: len(content) // 2] if damage == "half of it" else content[:-1] + b"#"
        place.s3.put_object(Bucket=BUCKET, Key=key, Body=left)
    before = place.head()
    writer.go()
    assert writer.statuses[-1] == (UNAVAILABLE if damage == "nothing" else BROKEN)
    assert "the object " in writer.said().split("error: ")[1]
    assert place.head() == before
    if damage == "nothing":
        writer.finish()
        place.require_promises({writer.run_id: 3}, 0)


def test_no_file_of_the_branch_is_ever_on_the_disk_of_a_run(place: Place, writer: Writer, folder: Path) -> None:
    """Besides the dataset, and the pointer and configuration that the lab writes."""
    place.person_notes()
    writer.go()
    clone = next(folder.glob("*/repository"))
    found = {str(file.relative_to(clone)) for file in clone.rglob("*") if file.is_file()}
    outside = {name for name in found if not name.startswith((".git/", ".dvc/cache/", ".dvc/tmp/"))}
    assert outside == {".dvc/config", POINTER, POINTER.removesuffix(".dvc")}
    writer.finish()


@pytest.fixture
def folder(place: Place) -> Path:
    """The folder of all runs."""
    return place.folder / "shared" / "runs"
