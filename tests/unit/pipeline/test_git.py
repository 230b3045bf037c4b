"""Git as the pipeline uses it: whole clones or none, a run's commit found exactly, credentials for one host only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.pipeline.git import (
    GitError,
    HistoryRewrittenError,
    Repository,
    clone,
    credential_variables,
    isolated_variables,
)
from lab.proc import run
from tests.unit.support import commit, git, new_repository

URL = "http://127.0.0.1:3000/lab/mlops.git"
RUN = "manual__2025-01-01T00:00:00+00:00"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "repository")


def run_commit(repository: Repository, run: str, dag: str = "pipeline", name: str = "file") -> str:
    return commit(repository, f"Data\n\nRun-Id: {run}\nDag-Id: {dag}", {name: run})


def credential(url: str, variables: dict[str, str], folder: Path) -> str:
    """What Git would sign in with at `url`."""
    environment = {**os.environ, **variables, "GITSYNC_USERNAME": "lab", "GITSYNC_PASSWORD": "p$'\"%s w"}
    protocol, host = url.split("/", maxsplit=1)[0].removesuffix(":"), url.split("/")[2]
    asked = run(["git", "credential", "fill"], env=environment, cwd=folder, limit=20, check=False,
                text=f"protocol={protocol}\nhost={host}\n\n")  # fmt: skip
    return asked.stdout


def test_a_failed_command_is_reported_with_gits_last_line(repository: Repository) -> None:
    with pytest.raises(GitError, match=r"git checkout: .*nosuch") as caught:
        repository.run("checkout", "nosuch")
    assert caught.value.exit_code == 69
    assert "\n" not in caught.value.message


def test_a_commit_is_found_by_any_name_and_what_is_none_is_none(repository: Repository) -> None:
    head = commit(repository, "One", {"a": ""})
    assert repository.commit_of("main") == repository.commit_of(head[:8]) == head
    assert repository.commit_of("nosuch") is None
    assert repository.commit_of(repository.out("rev-parse", "HEAD:a")) is None


def test_the_commit_of_a_run_is_found_by_both_its_trailers(repository: Repository) -> None:
    mine = run_commit(repository, RUN)
    run_commit(repository, "other")
    assert repository.commit_of_run("main", RUN, "pipeline") == mine
    assert repository.commit_of_run("main", RUN, "another-dag") is None


@pytest.mark.parametrize("other", [f"{RUN}x", f"x{RUN}", RUN.replace("+", "."), RUN[:-1], ".*"])
def test_a_run_of_a_similar_name_is_another_run(repository: Repository, other: str) -> None:
    run_commit(repository, other)
    assert repository.commit_of_run("main", RUN, "pipeline") is None


def test_a_run_named_in_prose_has_not_made_the_commit(repository: Repository) -> None:
    commit(repository, f"Talk\n\nRun-Id: {RUN}\n\nwas a good run", {"a": ""})
    assert repository.commit_of_run("main", RUN, "pipeline") is None


def test_only_commits_of_the_branch_count(repository: Repository) -> None:
    commit(repository, "One", {"a": ""})
    repository.run("checkout", "--quiet", "-b", "side")
    run_commit(repository, RUN)
    assert repository.commit_of_run("main", RUN, "pipeline") is None


def test_a_clone_has_the_branch_asked_for(repository: Repository, tmp_path: Path) -> None:
    commit(repository, "One", {"a": ""})
    repository.run("checkout", "--quiet", "-b", "side")
    commit(repository, "Two", {"b": ""})
    made = clone(str(repository.folder), "side", tmp_path / "run/clone", repository.environment)
    assert made.out("ls-tree", "--name-only", "HEAD").split() == ["a", "b"]


def test_a_commit_changes_one_file_and_touches_no_disk(repository: Repository, tmp_path: Path) -> None:
    head = commit(repository, "One", {"a": "1", "b/c": "2"})
    made = clone(str(repository.folder), "main", tmp_path / "clone", repository.environment)
    new = made.commit_on(head, "b/c", "3\r\n", "Two\n\nRun-Id: x", mode="100755")
    assert made.out("diff", "--name-only", head, new) == "b/c"
    assert made.out("ls-tree", new, "b/c").startswith("100755 blob")
    assert made.run_bytes("cat-file", "blob", f"{new}:b/c").stdout == b"3\r\n"
    assert made.out("log", "-1", "--format=%P %(trailers:key=Run-Id,valueonly)", new) == f"{head} x"
    assert [file.name for file in made.folder.iterdir()] == [".git"]


@pytest.mark.parametrize("change", ["reset", "delete", "forward"])
def test_a_push_is_for_the_head_that_it_was_made_on(repository: Repository, tmp_path: Path, change: str) -> None:
    first, second = (commit(repository, name, {"a": name}) for name in ("One", "Two"))
    repository.run("checkout", "--quiet", "--detach")
    made = clone(str(repository.folder), "main", tmp_path / "clone", repository.environment)
    new = made.commit_on(second, "b", "", "Three")
    left = {
        "reset": first,
        "delete": None,
        "forward": repository.out("commit-tree", "HEAD^{tree}", "-p", second, "-m", "x"),
    }
    repository.run(
        *(["update-ref", "refs/heads/main", str(left[change])] if left[change] else ["branch", "-D", "main"])
    )
    assert made.push(new, "main", second).returncode != 0
    assert repository.commit_of("refs/heads/main") == left[change]
    if change != "forward":
        with pytest.raises(HistoryRewrittenError, match="was deleted" if change == "delete" else "was rewritten"):
            made.fetch("main")


def test_a_commit_that_does_not_follow_from_the_head_is_not_pushed(repository: Repository, tmp_path: Path) -> None:
    first, second = (commit(repository, name, {"a": name}) for name in ("One", "Two"))
    made = clone(str(repository.folder), "main", tmp_path / "clone", repository.environment)
    with pytest.raises(GitError, match="does not follow from"):
        made.push(made.commit_on(first, "b", "", "Other"), "main", second)


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    slow = Repository(tmp_path, dict(os.environ), limit=0.2)
    with pytest.raises(GitError, match=r"took longer than 0\.2 s"):
        slow.run("-c", "alias.wait=!exec sleep 5", "wait")


def test_what_an_interrupted_clone_left_is_not_used(repository: Repository, tmp_path: Path) -> None:
    commit(repository, "One", {"a": ""})
    half = tmp_path / "run/clone.partial"
    half.mkdir(parents=True)
    (half / "rubbish").touch()
    made = clone(str(repository.folder), "main", tmp_path / "run/clone", repository.environment)
    assert [file.name for file in made.folder.iterdir()] == [".git"]
    assert not half.exists()


def test_a_clone_that_fails_leaves_no_folder(repository: Repository, tmp_path: Path) -> None:
    commit(repository, "One", {"a": ""})
    with pytest.raises(GitError, match="nosuch"):
        clone(str(repository.folder), "nosuch", tmp_path / "run/clone", repository.environment)
    assert not (tmp_path / "run/clone").exists()


def test_credentials_come_from_the_environment_as_they_are(tmp_path: Path) -> None:
    assert "username=lab\npassword=p$'\"%s w\n" in credential(URL, credential_variables(URL), tmp_path)


@pytest.mark.parametrize("other", ["http://127.0.0.1:3001/x", "https://127.0.0.1:3000/x", "http://example.invalid/x"])
def test_no_other_host_is_given_the_password(tmp_path: Path, other: str) -> None:
    assert "p$" not in credential(other, credential_variables(URL), tmp_path)


def test_a_repository_is_reached_at_another_address_with_its_password(repository: Repository, tmp_path: Path) -> None:
    """As in a pod, where the browser's URL of the repository is unreachable."""
    commit(repository, "One", {"a": ""})
    inside = f"file://{tmp_path}"
    place = credential_variables("http://127.0.0.1:1/repository", reached_at=inside)
    environment = {**os.environ, **place, **isolated_variables("http://127.0.0.1:1/repository", before=place)}
    made = clone("http://127.0.0.1:1/repository", "main", tmp_path / "clone", environment)
    assert made.out("ls-tree", "--name-only", "HEAD") == "a"
    assert made.out("remote", "get-url", "origin") == f"{inside}/repository"


def test_the_password_is_for_the_address_that_is_reached(tmp_path: Path) -> None:
    variables = credential_variables(URL, reached_at="http://gitea.platform:3000")
    assert "password=p$" in credential("http://gitea.platform:3000/x", variables, tmp_path)
    assert "p$" not in credential(URL, variables, tmp_path)


def test_settings_that_were_there_before_stay(tmp_path: Path) -> None:
    before = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "Grace"}
    variables = {**before, **credential_variables(URL, before=before)}
    asked = run(["git", "config", "user.name"], env={**os.environ, **variables}, cwd=tmp_path, limit=20)
    assert asked.stdout == "Grace\n"
    assert "password=p$" in credential(URL, variables, tmp_path)


def test_the_persons_own_helper_is_not_asked(tmp_path: Path) -> None:
    configuration = tmp_path / "gitconfig"
    helper = "!echo username=person; echo password=theirs; #"
    git(tmp_path, "config", "--file", str(configuration), "credential.helper", helper)
    variables = {**credential_variables(URL), "GIT_CONFIG_GLOBAL": str(configuration)}
    assert "password=p$" in credential(URL, variables, tmp_path)


@pytest.mark.parametrize("url", ["/srv/git/x.git", "file:///srv/x.git", "ssh://git@host/x.git"])
def test_where_no_password_is_asked_there_is_no_helper(url: str) -> None:
    assert credential_variables(url) == {}


def test_no_secret_stands_in_the_variables_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITSYNC_PASSWORD", "hidden")
    assert "hidden" not in str(isolated_variables(URL))


def test_commits_are_the_pipelines_whatever_the_person_has_configured(repository: Repository) -> None:
    made = Repository(repository.folder, {**os.environ, **isolated_variables(URL)})
    commit(made, "One", {"a": ""})
    assert made.out("log", "-1", "--format=%an <%ae> %cn") == "Lab pipeline <pipeline@lab.invalid> Lab pipeline"
