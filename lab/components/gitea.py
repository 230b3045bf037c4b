"""Gitea by its REST API, version 1: the repository of the lab, made once, and the webhook that tells of its pushes."""

from __future__ import annotations

from typing import Any

import httpx

from lab.access import BRANCH, GIT_USER, REPOSITORY, Access
from lab.errors import ServiceError
from lab.wait import NotYetError

HOOKS = f"/repos/{REPOSITORY.removesuffix('.git')}/hooks"


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


def webhooks(access: Access) -> list[str]:
    """Where Gitea tells of pushes to the lab's branch, as the lab would have made it."""
    with client(access) as gitea:
        return [hook["config"]["url"] for hook in hooks(gitea) if hook["active"] and hook["events"] == ["push"]]


def ensure_webhook(access: Access, url: str) -> None:
    """Have one webhook, signed with the lab's secret, that tells `url` of pushes to the lab's branch.

    Raises:
        ServiceError: Gitea refuses.
    """
    content = {"url": url, "content_type": "json", "secret": access.secrets["webhook-secret"]}
    wanted = {"config": content, "events": ["push"], "branch_filter": BRANCH, "active": True}
    with client(access) as gitea:
        found = [hook for hook in hooks(gitea) if hook["config"]["url"] == url]
        for hook in found[1:]:
            require(gitea.delete(f"{HOOKS}/{hook['id']}"), "one webhook less")
        if found:
            require(gitea.patch(f"{HOOKS}/{found[0]['id']}", json=wanted), "another webhook")
        else:
            require(gitea.post(HOOKS, json={"type": "gitea", **wanted}), "a webhook")


def renew_webhook(access: Access, url: str) -> None:
    """Make the webhook for `url` again, which signs with the lab's secret of now: an edit leaves the old one in place.

    Raises:
        ServiceError: Gitea refuses.
    """
    with client(access) as gitea:
        for hook in hooks(gitea):
            if hook["config"]["url"] == url:
                require(gitea.delete(f"{HOOKS}/{hook['id']}"), "one webhook less")
    ensure_webhook(access, url)


def remove_webhooks(access: Access) -> None:
    """Have Gitea tell nobody of pushes."""
    with client(access) as gitea:
        for hook in hooks(gitea):
            require(gitea.delete(f"{HOOKS}/{hook['id']}"), "one webhook less")


def hooks(gitea: httpx.Client) -> list[dict[str, Any]]:
    """The webhooks of the lab's repository; none while there is no repository."""
    answer = gitea.get(HOOKS, params={"limit": 50})
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
