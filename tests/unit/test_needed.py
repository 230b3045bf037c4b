"""What a repository needs of the bucket: pointers in any commit of any ref, in every form that DVC writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.lineage.needed import UnreadableError, files_of, named, pointers_of
from lab.pipeline.git import Repository
from tests.unit.support import commit, md5_like, new_repository, pointer_text

A, B, C = md5_like(1), md5_like(2), md5_like(3)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (pointer_text(A), {A}),
        (f"outs:\n- md5: '{A}'\n  path: a\n- md5: '{B}.dir'\n  nfiles: 2\n  path: b\n", {A, f"{B}.dir"}),
        (f"md5: '{C}'\ndeps:\n- path: x\n  md5: '{A}'\nouts:\n- md5: '{B}'\n  path: y\n", {A, B, C}),
        (
            f"schema: '2.0'\nstages:\n  train:\n    cmd: x\n    deps:\n    - md5: '{A}'\n    outs:\n    - md5: '{B}'\n",
            {A, B},
        ),
        ("frozen: true\ndeps:\n- path: x\n  repo:\n    url: u\nouts:\n- path: y\n  hash: md5\n", set()),
        (f"outs:\n- path: d\n  files:\n  - relpath: a\n    md5: '{A}'\n", {A}),
        ("schema: '2.0'\nstages: {}\n", set()),
    ],
)
def test_every_md5_that_a_pointer_names_is_needed(content: str, expected: set[str]) -> None:
    assert {md5 for md5, _ in named(content)} == expected


@pytest.mark.parametrize(
    "content",
    ["", "outs: [", "- a", "x: 1", "outs: 5", "outs:\n- path: a\n", f"outs:\n- mdd5: {A}\n  path: a\n",
     "outs:\n- md5: 123\n", f"outs:\n- md5: '{A}'0\n", "stages: 3", "outs:\n- 5\n", f"outs:\n- md5: '{A[:31]}g'\n"],
)  # fmt: skip
def test_what_is_no_pointer_is_not_treated_as_one_that_names_nothing(content: str) -> None:
    with pytest.raises(UnreadableError):
        named(content)


def test_a_folder_names_its_files() -> None:
    assert files_of(f'[{{"md5": "{A}", "relpath": "a"}}, {{"md5": "{B}", "relpath": "b"}}]'.encode()) == [A, B]


@pytest.mark.parametrize("content", [b"", b"{}", b'{"md5": 1}', b"[1]", b'[{"relpath": "a"}]', b'[{"md5": "x"}]'])
def test_what_is_no_list_of_files_is_refused(content: bytes) -> None:
    with pytest.raises((ValueError, TypeError)):
        files_of(content)


@pytest.fixture
def clone(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "repository")


def md5s(clone: Repository) -> set[str]:
    blobs = [blob for blob, _ in pointers_of(clone)]
    return {md5 for content in clone.blobs(blobs) for md5, _ in named(content)}


def test_pointers_of_old_commits_removed_files_tags_and_side_branches_count(clone: Repository) -> None:
    commit(clone, "one", {"d.csv.dvc": pointer_text(md5_like(1))})
    commit(
        clone,
        "two",
        {"d.csv.dvc": pointer_text(md5_like(2)), "p/dvc.lock": f"stages: {{a: {{outs: [{{md5: '{C}'}}]}}}}"},
    )
    clone.run("checkout", "--quiet", "-b", "side", "HEAD~1")
    commit(clone, "three", {'größe "x".csv.dvc': pointer_text(md5_like(4))})
    clone.run("tag", "kept")
    commit(clone, "four", {"e.csv.dvc": pointer_text(md5_like(5))})
    clone.run("checkout", "--quiet", "main")
    clone.run("rm", "--quiet", "d.csv.dvc")
    clone.run("commit", "--quiet", "--message", "gone")
    assert md5s(clone) == {md5_like(number) for number in (1, 2, 3, 4, 5)}
    clone.run("branch", "--quiet", "-D", "side")
    assert md5s(clone) == {md5_like(number) for number in (1, 2, 3, 4)}


def test_a_pointer_that_only_a_merge_brought_counts(clone: Repository) -> None:
    commit(clone, "one", {"d.csv.dvc": pointer_text(md5_like(1))})
    clone.run("checkout", "--quiet", "-b", "side")
    commit(clone, "two", {"d.csv.dvc": pointer_text(md5_like(2))})
    clone.run("checkout", "--quiet", "main")
    commit(clone, "three", {"d.csv.dvc": pointer_text(md5_like(3))})
    clone.run("merge", "--quiet", "--no-commit", "side", check=False)
    commit(clone, "evil merge", {"d.csv.dvc": pointer_text(md5_like(4))})
    assert md5s(clone) == {md5_like(number) for number in (1, 2, 3, 4)}
