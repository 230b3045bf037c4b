"""Gitea by its REST API, version 1: the repository of the lab, made once, and the webhook that tells of its pushes."""

from __future__ import annotations

from typing import Any

import httpx

from lab.access import BRANCH, GIT_USER, REPOSITORY, Access
from lab.engine.configuration import digest
from lab.errors import ServiceError
from lab.wait import NotYetError

HOOKS = f"/repos/{REPOSITORY.removesuffix('.git')}/hooks"
PAGE = 50
"""Entries that Gitea returns at once, at most."""


def client(access: Access) -> httpx.Client:
    """A client signed in as the lab's user. A proxy of the person's must not see loopback traffic."""
    login = (GIT_USER, access.secrets["git-password"])
    return httpx.Client(base_url=f"{access.git_url}/api/v1", auth=login, timeout=20, trust_env=False)


def answers(access: Access) -> None:
    """Return if Gitea knows the lab's user.

    Raises:
        NotYetError: it does not answer, or has no users yet.
    """
    with client(access) as gitea:
        try:
            answer = gitea.get("/user")
        except httpx.TransportError as error:
            raise NotYetError(f"{access.git_url} does not answer") from error
    if answer.status_code != 200:
        raise NotYetError(f"{access.git_url} answers {answer.status_code}")


def ensure_repository(access: Access) -> None:
    """Make the lab's repository, empty, if it is not there.

    Raises:
        ServiceError: Gitea refuses.
    """
    name = REPOSITORY.split("/")[1].removesuffix(".git")
    with client(access) as gitea:
        if gitea.get(f"/repos/{GIT_USER}/{name}").status_code == 200:
            return
        answer = gitea.post("/user/repos", json={"name": name, "default_branch": BRANCH, "private": True})
    if answer.status_code != 409:
        require(answer, "a repository")


def webhook_url(access: Access, url: str) -> str:
    """`url` with a digest of the secret that signs: Gitea shows no secret, so another one is another webhook."""
    return f"{url}?secret={digest(access.secrets['webhook-secret'])}"


def webhooks(access: Access) -> list[str]:
    """Where Gitea sends the pushes to the lab's branch, as the lab would have made it."""
    with client(access) as gitea:
        return [hook["config"]["url"] for hook in hooks(gitea) if hook["active"] and hook["events"] == ["push"]]


def ensure_webhook(access: Access, url: str) -> None:
    """Have one webhook, signed with the lab's secret, that sends the pushes to the lab's branch to `url`.

    Raises:
        ServiceError: Gitea refuses.
    """
    content = {"url": webhook_url(access, url), "content_type": "json", "secret": access.secrets["webhook-secret"]}
    wanted = {"config": content, "events": ["push"], "branch_filter": BRANCH, "active": True}
    remove_webhooks(access)
    with client(access) as gitea:
        require(gitea.post(HOOKS, json={"type": "gitea", **wanted}), "a webhook")


def remove_webhooks(access: Access) -> None:
    """Have Gitea send its pushes nowhere."""
    with client(access) as gitea:
        for hook in hooks(gitea):
            require(gitea.delete(f"{HOOKS}/{hook['id']}"), "one webhook less")


def hooks(gitea: httpx.Client) -> list[dict[str, Any]]:
    """The webhooks of the lab's repository; none while there is no repository."""
    answer = gitea.get(HOOKS, params={"limit": PAGE})
    if answer.status_code == 404:
        return []
    found: list[dict[str, Any]] = require(answer, "its webhooks").json()
    return found


def require(answer: httpx.Response, what: str) -> httpx.Response:
    """The answer if it is not an error."""
    if answer.is_error:
        message = f"Gitea answered {answer.status_code} when asked for {what}"
        raise ServiceError(message, "make lab-logs SERVICE=gitea", answer.text[:500])
    return answer
