"""Gitea in its container: who gets access, what is kept, and what is disclosed to no one."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from lab.access import GIT_USER
from lab.components import gitea
from lab.docker import docker
from lab.pipeline.git import GitError, Repository, clone
from tests.containers.conftest import fetched
from tests.containers.stack import SERVICES, Stack, secret_values
from tests.unit.support import commit


def push(stack: Stack, name: str, folder: Path, text: str) -> str:
    """Push a first commit to the empty repository, with the credential helper; return the commit."""
    folder.mkdir()
    repository = Repository(folder, stack.access.tool_environment())
    repository.run("init", "--quiet", "--initial-branch=main")
    made = commit(repository, "One", {"a.txt": text})
    repository.run("push", "--quiet", f"{stack.access.url('git')}/{name}", "main")
    return made


def test_the_labs_user_is_there_and_is_the_administrator(stack: Stack) -> None:
    with gitea.client(stack.access) as client:
        user = client.get("/user").json()
    assert (user["login"], user["is_admin"]) == (GIT_USER, True)


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_wrong_password_is_refused(stack: Stack, password: str) -> None:
    url = f"{stack.access.url('git')}/api/v1/user"
    assert httpx.get(url, auth=(GIT_USER, password), trust_env=False).status_code == 401


def test_sign_up_is_closed(stack: Stack) -> None:
    page = httpx.get(f"{stack.access.url('git')}/user/sign_up", trust_env=False)
    assert 'name="user_name"' not in page.text


def test_git_pushes_and_clones_with_the_credential_helper(stack: Stack, repository_name: str, tmp_path: Path) -> None:
    pushed = push(stack, repository_name, tmp_path / "one", "text")
    found = fetched(stack, repository_name, tmp_path / "two")
    assert found.commit_of("HEAD") == pushed
    config = (tmp_path / "two" / ".git" / "config").read_text("utf-8")
    assert stack.access.secrets["git-password"] not in config


def test_a_private_repository_is_readable_to_its_owner_only(stack: Stack, repository_name: str, tmp_path: Path) -> None:
    push(stack, repository_name, tmp_path / "one", "text")
    url = f"{stack.access.url('git')}/{repository_name}"
    known = stack.access.tool_environment()
    strangers = {
        "unknown": {name: value for name, value in known.items() if not name.startswith(("GIT_CONFIG_", "GITSYNC_"))},
        "wrong": {**known, "GITSYNC_PASSWORD": "wrong"},
    }
    for who, environment in strangers.items():
        with pytest.raises(GitError):
            clone(url, "main", tmp_path / who, {**environment, "GIT_TERMINAL_PROMPT": "0"})
    raw = url.removesuffix(".git") + "/raw/branch/main/a.txt"
    assert httpx.get(raw, trust_env=False, follow_redirects=True).text != "text"


def test_what_was_pushed_survives_kills_of_postgres_and_gitea(
    stack: Stack, repository_name: str, tmp_path: Path
) -> None:
    pushed = push(stack, repository_name, tmp_path / "one", "text")
    stack.kill("postgres")
    stack.replace("postgres")
    stack.wait("gitea")  # which reconnects to its database automatically
    assert fetched(stack, repository_name, tmp_path / "two").commit_of("HEAD") == pushed
    stack.kill("gitea")
    stack.replace("gitea")
    assert fetched(stack, repository_name, tmp_path / "three").commit_of("HEAD") == pushed


@pytest.mark.parametrize("service", SERVICES)
def test_no_secret_is_in_a_log_a_process_list_or_an_environment(stack: Stack, service: str) -> None:
    container = stack.container(service)
    places = {
        "log": stack.log(service),
        "processes": docker("top", container, "-eo", "pid,args").stdout,
        "container": docker("inspect", container).stdout,
    }
    values = secret_values(stack.access)
    assert len(values) > 8
    assert [(place, name) for place, text in places.items() for name in values if values[name] in text] == []
