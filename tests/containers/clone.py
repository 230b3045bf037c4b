"""A clone of a repository in Gitea, from which each user of the lab can push."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab.access import GIT_BOT
from lab.components import gitea
from lab.pipeline.git import Repository
from tests.containers.stack import Stack
from tests.unit.support import commit


def signed_in_as(stack: Stack, user: str) -> dict[str, str]:
    """The environment in which Git signs in as this user."""
    access = stack.access
    login = {"GITSYNC_USERNAME": user, "GITSYNC_PASSWORD": access.secrets[gitea.PASSWORDS[user]]}
    return {**access.tool_environment(), **login}


class Clone:
    """A clone of a repository with one commit on `main`, in which either user can push."""

    def __init__(self, stack: Stack, name: str, folder: Path) -> None:
        self.stack, self.url = stack, f"{stack.access.url('git')}/{name}"
        folder.mkdir()
        self.repository = Repository(folder, signed_in_as(stack, GIT_BOT))
        self.repository.run("init", "--quiet", "--initial-branch=main")
        self.first = commit(self.repository, "One", {"a.txt": "1"})
        self.push(GIT_BOT, "main")

    def push(self, user: str, *arguments: str) -> None:
        self.push_as(user, *arguments).check_returncode()

    def refusal(self, user: str, *arguments: str) -> str:
        """What Git prints for a push that must be refused."""
        done = self.push_as(user, *arguments)
        assert done.returncode != 0
        return done.stderr

    def push_as(self, user: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        signed_in = Repository(self.repository.folder, signed_in_as(self.stack, user))
        return signed_in.run("push", "--quiet", self.url, *arguments, check=False)

    def head(self, branch: str = "main") -> str:
        """The commit of the branch in Gitea; empty without one."""
        return self.repository.out("ls-remote", self.url, f"refs/heads/{branch}").partition("\t")[0]
