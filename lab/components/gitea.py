"""Gitea by its REST API, version 1: the lab's repository, its permissions, and the webhook for its pushes."""

from __future__ import annotations

import secrets
from typing import Any

import httpx

from lab.access import BRANCH, GIT_BOT, GIT_USER, REPOSITORY, LoopbackAccess
from lab.content import json_digest
from lab.errors import ServiceError
from lab.wait import NotYetError

PASSWORDS = {GIT_USER: "git-password", GIT_BOT: "git-bot-password"}
"""Each user of the lab in Gitea, and the secret that is the password."""
BOT = {
    "active": True,
    "admin": False,
    "allow_create_organization": False,
    "allow_git_hook": False,
    "allow_import_local": False,
    "max_repo_creation": 0,
    "must_change_password": False,
    "prohibit_login": False,
    "restricted": True,
    "visibility": "private",
}
"""The bot's rights (EditUserOption in Gitea's API): it sees only the repositories that it is a collaborator of."""
RULE = {
    "rule_name": BRANCH,
    "enable_push": True,
    "enable_push_whitelist": False,
    "enable_force_push": True,
    "enable_force_push_allowlist": True,
    "force_push_allowlist_usernames": [GIT_USER],
}
"""The protection of the branch (BranchProtection in Gitea's API): only the user may force-push.

No user can delete a protected branch in Gitea."""
HAS = {"admin": False, "push": True, "pull": True}
"""The bot's permissions on the repository, as Gitea reports them."""
PAGE = 50
"""The most entries that Gitea returns at once."""


def client(access: LoopbackAccess, user: str = GIT_USER) -> httpx.Client:
    """A client signed in as one of the lab's users. A proxy of the user must not see loopback traffic."""
    login = (user, access.secrets[PASSWORDS[user]])
    return httpx.Client(base_url=f"{access.url('git')}/api/v1", auth=login, timeout=20, trust_env=False)


def answers(access: LoopbackAccess) -> None:
    """Return if Gitea knows the lab's user.

    Raises:
        NotYetError: it does not answer, or has no users yet.
    """
    with client(access) as gitea:
        try:
            answer = gitea.get("/user")
        except httpx.TransportError as error:
            raise NotYetError(f"{access.url('git')} does not answer") from error
    if answer.status_code != 200:
        raise NotYetError(f"{access.url('git')} answers {answer.status_code}")


def path_of(repository: str) -> str:
    return f"/repos/{repository.removesuffix('.git')}"


def is_set_up(access: LoopbackAccess, repository: str = REPOSITORY) -> bool:
    """Whether there is nothing for `set_up` to do."""
    with client(access, GIT_BOT) as gitea:
        seen = gitea.get(path_of(repository))
    if seen.status_code != 200 or seen.json()["permissions"] != HAS:
        return False
    with client(access) as gitea:
        rule = gitea.get(f"{path_of(repository)}/branch_protections/{BRANCH}")
    return rule.status_code == 200 and rule.json().items() >= RULE.items()


def set_up(access: LoopbackAccess, repository: str = REPOSITORY) -> None:
    """Create the repository, the bot that writes to it, and the protection of its branch, as far as they are missing.

    Raises:
        ServiceError: Gitea refuses.
    """
    path = path_of(repository)
    with client(access) as gitea:
        ensure_repository(gitea, repository)
        ensure_bot(gitea, access.secrets[PASSWORDS[GIT_BOT]])
        require(gitea.put(f"{path}/collaborators/{GIT_BOT}", json={"permission": "write"}), "give the bot access")
        rule = f"{path}/branch_protections/{BRANCH}"
        if gitea.get(rule).status_code == 404:
            require(gitea.post(f"{path}/branch_protections", json=RULE), "protect the branch")
        else:
            require(gitea.patch(rule, json=RULE), "protect the branch")


def ensure_repository(gitea: httpx.Client, repository: str) -> None:
    """Create the user's repository, empty, if it does not exist."""
    if gitea.get(path_of(repository)).status_code == 200:
        return
    name = repository.rpartition("/")[2].removesuffix(".git")
    answer = gitea.post("/user/repos", json={"name": name, "default_branch": BRANCH, "private": True})
    if answer.status_code != 409:
        require(answer, "create the repository")


def ensure_bot(gitea: httpx.Client, password: str) -> None:
    """Create or update the bot with its rights and this password, and delete its access tokens."""
    if gitea.get(f"/users/{GIT_BOT}").status_code == 404:
        # A password that is kept nowhere: the bot signs in only once it has its rights.
        wanted = {"username": GIT_BOT, "email": f"{GIT_BOT}@lab.invalid", "password": secrets.token_urlsafe(24)}
        require(gitea.post("/admin/users", json={**wanted, "must_change_password": False}), "create the bot")
    change = {"source_id": 0, "login_name": GIT_BOT, "password": password, **BOT}
    require(gitea.patch(f"/admin/users/{GIT_BOT}", json=change), "set the bot's rights and password")
    tokens = f"/users/{GIT_BOT}/tokens"
    while found := require(gitea.get(tokens, params={"limit": PAGE}), "list the bot's tokens").json():
        for token in found:
            require(gitea.delete(f"{tokens}/{token['id']}"), "delete a token")


def webhook_url(access: LoopbackAccess, url: str) -> str:
    """`url` with a digest of the secret that signs: Gitea shows no secret, so another one is another webhook."""
    return f"{url}?secret={json_digest(access.secrets['webhook-secret'])}"


def webhooks(access: LoopbackAccess) -> list[str]:
    """The URLs of webhooks for pushes to the lab's branch that are configured as the lab creates them."""
    with client(access) as gitea:
        return [hook["config"]["url"] for hook in hooks(gitea) if hook["active"] and hook["events"] == ["push"]]


def ensure_webhook(access: LoopbackAccess, url: str) -> None:
    """Create the only webhook, signed with the lab's secret, that sends pushes to the lab's branch to `url`.

    Raises:
        ServiceError: Gitea refuses.
    """
    content = {"url": webhook_url(access, url), "content_type": "json", "secret": access.secrets["webhook-secret"]}
    wanted = {"config": content, "events": ["push"], "branch_filter": BRANCH, "active": True}
    remove_webhooks(access)
    with client(access) as gitea:
        require(gitea.post(f"{path_of(REPOSITORY)}/hooks", json={"type": "gitea", **wanted}), "create a webhook")


def remove_webhooks(access: LoopbackAccess) -> None:
    """Delete all webhooks."""
    with client(access) as gitea:
        for hook in hooks(gitea):
            require(gitea.delete(f"{path_of(REPOSITORY)}/hooks/{hook['id']}"), "delete a webhook")


def hooks(gitea: httpx.Client) -> list[dict[str, Any]]:
    """The webhooks of the lab's repository; none while there is no repository."""
    answer = gitea.get(f"{path_of(REPOSITORY)}/hooks", params={"limit": PAGE})
    if answer.status_code == 404:
        return []
    found: list[dict[str, Any]] = require(answer, "list the webhooks").json()
    return found


def require(answer: httpx.Response, what: str) -> httpx.Response:
    """The answer if it is not an error."""
    if answer.is_error:
        message = f"Gitea answered {answer.status_code} to a request to {what}"
        raise ServiceError(message, "make lab-logs SERVICE=gitea", answer.text[:500])
    return answer
