"""Gitea by its REST API, version 1: the repository of the lab, made once."""

from __future__ import annotations

import httpx

from lab.access import BRANCH, GIT_USER, REPOSITORY, Access
from lab.errors import ServiceError
from lab.wait import NotYetError


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
    if answer.status_code not in {201, 409}:
        message = f"Gitea answered {answer.status_code} when asked for a repository"
        raise ServiceError(message, "make lab-logs SERVICE=gitea", answer.text[:500])
