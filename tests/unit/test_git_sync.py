"""The stand-in for git-sync: the link always points to a complete checkout, of the reference's newest commit."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.engine.ports import first_free
from lab.pipeline.git import Repository
from tests.unit.git_sync import PROGRAM, once, synced, variables
from tests.unit.support import commit, new_repository
from tests.waiting import eventually


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    repository = new_repository(tmp_path / "origin")
    commit(repository, "One", {"dags/a.py": "one"})
    return repository


@contextlib.contextmanager
def running(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, str(PROGRAM)], env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def test_one_time_checks_out_and_ends(origin: Repository, tmp_path: Path) -> None:
    assert once(variables(origin, tmp_path)).returncode == 0
    assert synced(tmp_path) == "one"
    assert (tmp_path / "git/repo").is_symlink()


def test_the_names_of_version_3_do_as_well(origin: Repository, tmp_path: Path) -> None:
    old = {"GIT_SYNC_REPO": str(origin.folder), "GIT_SYNC_BRANCH": "main", "GIT_SYNC_ROOT": str(tmp_path / "git"),
           "GIT_SYNC_DEST": "repo", "GIT_SYNC_ONE_TIME": "true"}  # fmt: skip
    assert once({"PATH": os.environ["PATH"], "HOME": str(tmp_path), **old}).returncode == 0
    assert synced(tmp_path) == "one"


def test_a_new_commit_comes_automatically_and_the_old_checkout_goes(origin: Repository, tmp_path: Path) -> None:
    with running(variables(origin, tmp_path)):
        eventually(lambda: synced(tmp_path) == "one", "the first checkout")
        commit(origin, "Two", {"dags/a.py": "two"})
        eventually(lambda: synced(tmp_path) == "two", "the second checkout")
        eventually(lambda: len(list((tmp_path / "git/.worktrees").iterdir())) == 1, "one checkout only")


def test_the_link_is_never_missing_while_it_is_switched(origin: Repository, tmp_path: Path) -> None:
    with running(variables(origin, tmp_path)):
        eventually(lambda: synced(tmp_path) == "one", "the first checkout")
        for number in range(3):
            commit(origin, f"More {number}", {"dags/a.py": f"more {number}"})
            seen = set()
            while (text := (tmp_path / "git/repo/dags/a.py").read_text("utf-8")) != f"more {number}":
                seen.add(text)
            assert len(seen) <= 1


def test_what_an_attempt_left_half_done_is_made_again(origin: Repository, tmp_path: Path) -> None:
    assert once(variables(origin, tmp_path)).returncode == 0
    head = origin.out("rev-parse", "HEAD")
    (tmp_path / "git/repo").unlink()
    (tmp_path / "git/.worktrees" / head / "dags/a.py").unlink()
    assert once(variables(origin, tmp_path)).returncode == 0
    assert synced(tmp_path) == "one"


def test_a_failure_ends_it_and_a_patient_one_goes_on(origin: Repository, tmp_path: Path) -> None:
    away = origin.folder.rename(tmp_path / "away")
    ended = once(variables(origin, tmp_path))
    assert ended.returncode == 1
    assert "failure 1" in ended.stderr
    with running(variables(origin, tmp_path, GITSYNC_MAX_FAILURES="-1")):
        away.rename(origin.folder)
        eventually(lambda: synced(tmp_path) == "one", "the checkout after failures")


def test_liveness_says_whether_there_is_a_checkout(origin: Repository, tmp_path: Path) -> None:
    port = first_free([], {})

    def status() -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except urllib.error.URLError:
            return 0

    away = origin.folder.rename(tmp_path / "away")
    patient = variables(origin, tmp_path, GITSYNC_MAX_FAILURES="-1", GITSYNC_HTTP_BIND=f"127.0.0.1:{port}")
    with running(patient):
        eventually(lambda: status() == 503, "503 without a checkout")
        away.rename(origin.folder)
        eventually(lambda: status() == 200, "200 with one")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"GITSYNC_REPO": ""}, "GITSYNC_REPO is not set"),
        ({"GITSYNC_PERIOD": "soon"}, "'soon' is no duration"),
        ({"GITSYNC_SUBMODULES": "recursive"}, "checks out no submodules"),
        ({"GITSYNC_SSH_KEY_FILE": "/key"}, "knows no GITSYNC_SSH_KEY_FILE"),
    ],
)
def test_what_it_cannot_do_is_reported_at_the_start(
    origin: Repository, tmp_path: Path, more: dict[str, str], expected: str
) -> None:
    ended = once(variables(origin, tmp_path, **more))
    assert ended.returncode == 1
    assert expected in ended.stderr


def test_the_password_reaches_git_and_no_file(origin: Repository, tmp_path: Path) -> None:
    credentials = {"GITSYNC_USERNAME": "lab", "GITSYNC_PASSWORD": "do-not-write-this"}
    assert once(variables(origin, tmp_path, **credentials)).returncode == 0
    files = [file for file in (tmp_path / "git").rglob("*") if file.is_file() and not file.is_symlink()]
    assert not [file for file in files if b"do-not-write-this" in file.read_bytes()]
