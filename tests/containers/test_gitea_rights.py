"""Who may do what in a real Gitea: the bot, which everything in the cluster is, and the person who runs the lab."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.access import GIT_BOT, GIT_USER
from lab.components import gitea
from lab.pipeline.git import GitError, clone
from lab.secrets import GENERATORS
from tests.containers.clone import Clone, signed_in_as
from tests.containers.stack import Stack
from tests.unit.support import commit


@pytest.fixture
def made(stack: Stack, repository_name: str, tmp_path: Path) -> Clone:
    return Clone(stack, repository_name, tmp_path / "clone")


def test_the_bot_pushes_to_main_and_may_do_anything_with_its_own_branches(made: Clone) -> None:
    second = commit(made.repository, "Two", {"a.txt": "2"})
    made.push(GIT_BOT, "main", f"{second}:refs/heads/mine")
    assert (made.head(), made.head("mine")) == (second, second)
    made.push(GIT_BOT, "--force", f"{made.first}:refs/heads/mine")
    assert made.head("mine") == made.first
    made.push(GIT_BOT, ":refs/heads/mine")
    assert made.head("mine") == ""


def test_main_is_rewritten_by_the_person_and_not_by_the_bot(made: Clone) -> None:
    second = commit(made.repository, "Two", {"a.txt": "2"})
    made.push(GIT_BOT, "main")
    refusal = made.refusal(GIT_BOT, "--force", f"{made.first}:refs/heads/main")
    assert "Not allowed to force-push to protected branch main" in refusal
    assert made.head() == second
    made.push(GIT_USER, "--force", f"{made.first}:refs/heads/main")
    assert made.head() == made.first


@pytest.mark.parametrize("user", [GIT_BOT, GIT_USER])
def test_main_is_not_deleted(made: Clone, user: str) -> None:
    assert "cannot be deleted" in made.refusal(user, ":refs/heads/main")
    assert made.head() == made.first


def test_the_bot_sees_no_repository_but_those_it_was_given(stack: Stack, repository_name: str, tmp_path: Path) -> None:
    other = f"{GIT_USER}/other-{secrets.token_hex(4)}.git"
    with gitea.client(stack.access) as person:
        gitea.ensure_repository(person, other)
        person.patch(gitea.path_of(other), json={"private": False}).raise_for_status()
    with gitea.client(stack.access, GIT_BOT) as bot:
        assert bot.get(gitea.path_of(repository_name)).status_code == 200
        assert bot.get(gitea.path_of(other)).status_code == 404
        seen = {each["full_name"] for each in bot.get("/repos/search", params={"limit": 50}).json()["data"]}
        assert f"{repository_name.removesuffix('.git')}" in seen
        assert other.removesuffix(".git") not in seen
    with pytest.raises(GitError):
        clone(f"{stack.access.url('git')}/{other}", "main", tmp_path / "other", signed_in_as(stack, GIT_BOT))


REFUSALS = {403, 404, 409}
"""The last: a user's limit of repositories is reached."""
ANYONE_REWRITES = {**gitea.RULE, "enable_force_push_allowlist": False}
REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/admin/users", {}),
    ("PATCH", f"/admin/users/{GIT_BOT}", {"source_id": 0, "login_name": GIT_BOT, "admin": True}),
    ("POST", "/user/repos", {"name": "mine", "private": True}),
    ("POST", "{repository}/forks", {"name": "fork"}),
    ("POST", "/orgs", {"username": "mine"}),
    ("GET", "{repository}/hooks", {}),
    ("POST", "{repository}/hooks", {"type": "gitea", "config": {"url": "http://x.invalid", "content_type": "json"}}),
    ("GET", "{repository}/hooks/git", {}),
    ("DELETE", "{repository}/branch_protections/main", {}),
    ("PATCH", "{repository}/branch_protections/main", ANYONE_REWRITES),
    ("PUT", f"{{repository}}/collaborators/{GIT_BOT}", {"permission": "admin"}),
    ("POST", "{repository}/keys", {"title": "k", "key": "ssh-ed25519 AAAA", "read_only": False}),
    ("PATCH", "{repository}", {"private": False}),
    ("PATCH", "{repository}/branches/main", {"name": "other"}),
    ("DELETE", "{repository}/branches/main", {}),
    ("DELETE", "{repository}", {}),
]


def test_the_bot_administers_nothing(made: Clone, repository_name: str) -> None:
    repository = gitea.path_of(repository_name)
    with gitea.client(made.stack.access, GIT_BOT) as bot:
        answers = {
            (method, path): bot.request(method, path.format(repository=repository), json=body or None).status_code
            for method, path, body in REFUSED
        }
    assert {asked: status for asked, status in answers.items() if status not in REFUSALS} == {}
    assert gitea.is_set_up(made.stack.access, repository_name)
    assert made.head() == made.first


def test_the_bot_changes_no_password_in_the_browser(stack: Stack, repository_name: str) -> None:
    access = stack.access
    known = access.secrets[gitea.PASSWORDS[GIT_BOT]]
    with httpx.Client(base_url=access.url("git"), timeout=20, trust_env=False) as browser:
        browser.post("/user/login", data={"user_name": GIT_BOT, "password": known})
        assert browser.get(f"/{repository_name.removesuffix('.git')}").status_code == 200  # it is signed in
        form = {"old_password": known, "password": "another-password", "retype": "another-password"}
        assert browser.post("/user/settings/account", data=form).status_code == 404
    assert gitea.is_set_up(access, repository_name)


def test_a_push_makes_no_repository(stack: Stack, made: Clone) -> None:
    for owner in (GIT_USER, GIT_BOT):
        made.url = f"{stack.access.url('git')}/{owner}/made-by-push.git"
        assert made.refusal(GIT_BOT, "main")


def test_with_another_password_the_one_before_and_what_was_made_with_it_are_refused(
    stack: Stack, repository_name: str
) -> None:
    access, path = stack.access, gitea.path_of(repository_name)
    with gitea.client(access, GIT_BOT) as before:
        wanted = {"name": "kept", "scopes": ["write:repository"]}
        token = before.post(f"/users/{GIT_BOT}/tokens", json=wanted).raise_for_status().json()["sha1"]
        by_token = {"Authorization": f"token {token}"}
        assert before.get(path, headers=by_token, auth=None).status_code == 200
        access.secrets.replace("git-bot-password", GENERATORS["git-bot-password"]())
        assert not gitea.is_set_up(access, repository_name)
        gitea.set_up(access, repository_name)
        assert gitea.is_set_up(access, repository_name)
        assert before.get("/user").status_code == 401
        assert before.get(path, headers=by_token, auth=None).status_code == 401


BREAKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "no protection": ("DELETE", "{repository}/branch_protections/main", {}),
    "anyone rewrites": ("PATCH", "{repository}/branch_protections/main", ANYONE_REWRITES),
    "no access": ("DELETE", f"{{repository}}/collaborators/{GIT_BOT}", {}),
    "reads only": ("PUT", f"{{repository}}/collaborators/{GIT_BOT}", {"permission": "read"}),
    "administers": ("PUT", f"{{repository}}/collaborators/{GIT_BOT}", {"permission": "admin"}),
    "no bot": ("DELETE", f"/admin/users/{GIT_BOT}?purge=true", {}),
}


@pytest.mark.parametrize("fault", BREAKS)
def test_what_is_missing_is_noticed_and_made_again(stack: Stack, repository_name: str, fault: str) -> None:
    method, path, body = BREAKS[fault]
    assert gitea.is_set_up(stack.access, repository_name)
    with gitea.client(stack.access) as person:
        where = path.format(repository=gitea.path_of(repository_name))
        person.request(method, where, json=body or None).raise_for_status()
    assert not gitea.is_set_up(stack.access, repository_name)
    gitea.set_up(stack.access, repository_name)
    assert gitea.is_set_up(stack.access, repository_name)
