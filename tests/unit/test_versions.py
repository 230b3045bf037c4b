"""Data versions, read from real repositories with whatever people commit there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.cli.history import overview
from lab.errors import NoSuchVersionError
from lab.lineage.versions import DataVersion, find, read
from lab.pipeline.git import Repository
from tests.unit.support import commit, git, md5_like, new_repository, pointer_text

PATH = "datasets/d.csv"
RUN = "manual__2025-01-01T00:00:00+00:00"


@pytest.fixture
def clone(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "repository")


def add(clone: Repository, number: int, message: str = "By hand", path: str = PATH, size: int = 10) -> str:
    """Commit a pointer to a version of this number's own md5."""
    return commit(clone, message, {f"{path}.dvc": pointer_text(md5_like(number), size, quoted(path))})


def quoted(path: str) -> str:
    """The file's name as a string of YAML."""
    return json.dumps(path.rpartition("/")[2], ensure_ascii=False)


def message_of_run(number: int, run: str = RUN) -> str:
    claims = {"Data-Md5": md5_like(number), "Data-Size": 10, "Data-Rows": 7, "Data-Rows-Added": 2,
              "Data-Base": md5_like(number - 1), "Run-Id": run, "Dag-Id": "pipeline", "Dag-Version": "abc"}  # fmt: skip
    return "Data version: 2025-01-01\n\nprose\n\n" + "\n".join(f"{name}: {value}" for name, value in claims.items())


def numbers(versions: list[DataVersion]) -> list[tuple[int, str, str | None]]:
    return [(version.number, version.path, version.md5) for version in versions]


def test_each_commit_that_changed_a_pointer_is_a_version_oldest_first(clone: Repository) -> None:
    first = add(clone, 1)
    commit(clone, "A DAG", {"dags/a.py": "", ".dvc/config": "[core]\n"})
    second = add(clone, 2)
    versions = read(clone)
    assert numbers(versions) == [(1, PATH, md5_like(1)), (2, PATH, md5_like(2))]
    assert [version.commit for version in versions] == [first, second]


def test_a_repository_without_a_pointer_has_no_version(clone: Repository) -> None:
    commit(clone, "A DAG", {"dags/a.py": ""})
    assert read(clone) == []


def test_what_a_run_says_of_its_version_is_read_from_the_trailers(clone: Repository) -> None:
    base = add(clone, 1)
    add(clone, 2, message_of_run(2))
    version = read(clone)[1]
    assert (version.md5, version.size, version.claimed_md5, version.claimed_size) == (md5_like(2), 10, md5_like(2), 10)
    assert (version.rows, version.rows_added, version.base_md5, version.seed) == (7, 2, md5_like(1), None)
    assert (version.run_id, version.dag_id, version.dag_version) == (RUN, "pipeline", "abc")
    assert (version.parent, version.subject, version.author) == (base, "Data version: 2025-01-01", "Ada")


def test_the_table_of_versions_fits_in_80_columns_and_names_the_dataset_where_there_are_several(
    clone: Repository,
) -> None:
    add(clone, 1)
    run = "asset_triggered__2026-11-21T00:00:00.415055+00:00_0123abcd"
    add(clone, 2, message_of_run(2, run).replace("Data-Rows: 7", "Data-Rows: 10000000"))
    rows, headings = overview(read(clone))
    assert rows[1][-1] == "asset_triggered 00:00:00"
    columns = zip(headings, *rows, strict=True)
    assert sum(max(map(len, column)) for column in columns) + 2 * (len(headings) - 1) <= 80
    commit(clone, "Another dataset", {"other.csv.dvc": pointer_text(md5_like(3), path="other.csv")})
    rows, headings = overview(read(clone))
    assert headings[-1] == "dataset"
    assert [row[-1] for row in rows] == [PATH, PATH, "other.csv"]


def test_a_version_made_by_hand_has_a_pointer_and_no_claims(clone: Repository) -> None:
    add(clone, 1, "New data, see Run-Id: below\n\nnot a trailer")
    (version,) = read(clone)
    claims = (version.claimed_md5, version.rows, version.rows_added, version.base_md5, version.seed, version.run_id)
    assert claims == (None,) * 6
    assert (version.md5, version.fault, version.parent) == (md5_like(1), "", "")


@pytest.mark.parametrize(("trailer", "identity"), [("", RUN), ("\nData-Row-Key: 2", f"pipeline\n{PATH}\n{RUN}")])
def test_how_rows_are_derived_stands_in_the_commit(clone: Repository, trailer: str, identity: str) -> None:
    """What an older lab made says nothing of it."""
    add(clone, 1, message_of_run(1) + trailer)
    assert read(clone)[0].row_identity == identity


@pytest.mark.parametrize("value", ["many", "-1", "", "1.5"])
def test_a_claim_that_is_no_number_counts_as_none(clone: Repository, value: str) -> None:
    add(clone, 1, f"Data\n\nData-Rows: {value}\nData-Seed: 5")
    (version,) = read(clone)
    assert (version.rows, version.seed) == (None, 5)


@pytest.mark.parametrize("content", ["", "outs: []", "outs:\n- md5: xyz\n  size: 1\n  path: d", "{", "a: [b", "\x00"])
def test_a_broken_pointer_is_a_version_with_a_fault_and_hides_no_other(clone: Repository, content: str) -> None:
    add(clone, 1)
    commit(clone, "Broken", {f"{PATH}.dvc": content})
    add(clone, 3)
    versions = read(clone)
    assert [version.md5 for version in versions] == [md5_like(1), None, md5_like(3)]
    assert versions[1].size is None
    assert f"{PATH}.dvc" in versions[1].fault


def test_several_datasets_are_numbered_together_and_keep_their_names(clone: Repository) -> None:
    add(clone, 1)
    add(clone, 2, path='other/größe und "mehr".csv')
    files = {f"{PATH}.dvc": pointer_text(md5_like(3)), "b.csv.dvc": pointer_text(md5_like(4), path="b.csv")}
    both = commit(clone, "Two at once", files)
    versions = read(clone)
    assert numbers(versions) == [
        (1, PATH, md5_like(1)),
        (2, 'other/größe und "mehr".csv', md5_like(2)),
        (3, "b.csv", md5_like(4)),
        (4, PATH, md5_like(3)),
    ]
    assert versions[2].commit == versions[3].commit == both


def test_a_removed_dataset_is_no_version_and_its_earlier_ones_stay(clone: Repository) -> None:
    add(clone, 1)
    clone.run("rm", "--quiet", f"{PATH}.dvc")
    clone.run("commit", "--quiet", "--message", "Gone")
    assert numbers(read(clone)) == [(1, PATH, md5_like(1))]


def test_a_renamed_dataset_is_a_version_of_its_new_name(clone: Repository) -> None:
    add(clone, 1)
    clone.run("mv", f"{PATH}.dvc", "datasets/e.csv.dvc")
    add(clone, 2, "Renamed", "datasets/e.csv")
    assert numbers(read(clone)) == [(1, PATH, md5_like(1)), (2, "datasets/e.csv", md5_like(2))]


def test_a_merge_that_brings_data_is_one_version_of_the_branch_it_came_to(clone: Repository) -> None:
    add(clone, 1)
    clone.run("checkout", "--quiet", "-b", "side")
    add(clone, 2)
    add(clone, 3)
    clone.run("checkout", "--quiet", "main")
    commit(clone, "A DAG", {"dags/a.py": ""})
    clone.run("merge", "--quiet", "--no-ff", "--message", "Merge side", "side")
    versions = read(clone)
    assert numbers(versions) == [(1, PATH, md5_like(1)), (2, PATH, md5_like(3))]
    assert versions[1].commit == clone.out("rev-parse", "HEAD")
    assert versions[1].parent == clone.out("rev-parse", "HEAD^1")
    assert [version.md5 for version in read(clone, "side")] == [md5_like(1), md5_like(2), md5_like(3)]


def test_a_merge_without_data_is_no_version(clone: Repository) -> None:
    add(clone, 1)
    clone.run("checkout", "--quiet", "-b", "side")
    commit(clone, "A DAG", {"dags/a.py": ""})
    clone.run("checkout", "--quiet", "main")
    add(clone, 2)
    clone.run("merge", "--quiet", "--no-ff", "--message", "Merge side", "side")
    assert [version.md5 for version in read(clone)] == [md5_like(1), md5_like(2)]


def test_a_thousand_versions_are_read_by_one_process_each_for_commits_and_pointers(
    clone: Repository, tmp_path: Path
) -> None:
    stream = []
    for number in range(1, 1001):
        message, pointer = message_of_run(number, f"run-{number}"), pointer_text(md5_like(number))
        stream += ["commit refs/heads/main", f"committer A <a@b> {1_700_000_000 + number} +0000",
                   f"data {len(message)}", message,
                   f"M 100644 inline {PATH}.dvc", f"data {len(pointer)}", pointer]  # fmt: skip
    git(clone.folder, "fast-import", "--quiet", text="\n".join(stream) + "\n")
    trace = tmp_path / "trace"
    versions = read(Repository(clone.folder, {**clone.environment, "GIT_TRACE": str(trace)}))
    assert [(version.number, version.md5, version.run_id) for version in versions] == [
        (number, md5_like(number), f"run-{number}") for number in range(1, 1001)
    ]
    assert trace.read_text("utf-8").count("built-in: git") == 2


@pytest.fixture
def known(clone: Repository) -> list[DataVersion]:
    for number in (1, 2, 3):
        add(clone, number, message_of_run(number, f"run-{number}"))
    add(clone, 1, "Back to the first")
    return read(clone)


def test_a_version_is_found_by_number_run_commit_and_md5(known: list[DataVersion]) -> None:
    second = known[1]
    for wanted in ("2", "v2", "run-2", second.commit, second.commit[:7], md5_like(2), md5_like(2)[:12]):
        assert find(known, wanted) == second


def test_latest_is_the_last_one(known: list[DataVersion]) -> None:
    assert find(known, "latest") == known[3]


@pytest.mark.parametrize("wanted", ["5", "0", "v9", "-1", "", "run-", "zzzz", "latestt"])
def test_what_names_no_version_is_refused_with_where_to_look(known: list[DataVersion], wanted: str) -> None:
    with pytest.raises(NoSuchVersionError) as caught:
        find(known, wanted)
    assert caught.value.message == f"{wanted!r} is not a data version"
    assert caught.value.hint == "make lab-history lists them (1 to 4)"


def test_an_md5_that_two_versions_share_names_both_and_neither_is_guessed(known: list[DataVersion]) -> None:
    with pytest.raises(NoSuchVersionError, match="names 2 data versions"):
        find(known, md5_like(1))


def test_three_digits_are_a_number_and_never_the_start_of_a_hash(known: list[DataVersion]) -> None:
    with pytest.raises(NoSuchVersionError, match="is not a data version"):
        find(known, known[0].commit[:3])


def test_where_there_is_no_version_there_is_no_latest() -> None:
    with pytest.raises(NoSuchVersionError) as caught:
        find([], "latest")
    assert "1 to 0" not in caught.value.hint
