"""Git by its own program, with credentials from the environment by a credential helper.

No secret ever stands in a URL, in argv or in a file: the helper is a shell function in Git's configuration, passed by
GIT_CONFIG_* variables (git-config(1)), that answers from GITSYNC_USERNAME and GITSYNC_PASSWORD (the names of
git-sync v4, which the Secret `git-credentials` carries).
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from lab.pipeline.errors import PipelineError

HELPER = '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$GITSYNC_USERNAME" "$GITSYNC_PASSWORD"; }; f'


class GitError(PipelineError):
    """A Git command failed (EX_UNAVAILABLE of sysexits.h): the task may be tried again."""

    exit_code = 69


class HistoryRewrittenError(PipelineError):
    """Commits that the run has seen on the branch are no longer there (EX_PROTOCOL of sysexits.h)."""

    exit_code = 76


def credential_variables(url: str, *, reached_at: str = "", before: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables that give Git the helper for `url`'s host only, in place of any other helper there.

    With `reached_at` (`http://host:port`) Git goes there whenever `url`'s host is named, and the helper is for there.
    What GIT_CONFIG_* variables `before` has stays in force.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        return {}
    host = f"{parts.scheme}://{parts.netloc}"
    key = f"credential.{reached_at or host}.helper"
    # An empty value clears the list: no keychain is asked, none is written.
    settings = [(key, ""), (key, HELPER)]
    if reached_at:
        settings.append((f"url.{reached_at}/.insteadOf", f"{host}/"))
    first = int((before or {}).get("GIT_CONFIG_COUNT", 0))
    variables = {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_COUNT": str(first + len(settings))}
    for number, (name, value) in enumerate(settings, first):
        variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


def isolated_variables(url: str, *, reached_at: str = "", before: Mapping[str, str] | None = None) -> dict[str, str]:
    """As credential_variables, and without the machine's and the person's own Git configuration."""
    return {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "Lab pipeline",
        "GIT_AUTHOR_EMAIL": "pipeline@lab.invalid",
        "GIT_COMMITTER_NAME": "Lab pipeline",
        "GIT_COMMITTER_EMAIL": "pipeline@lab.invalid",
        # A server that goes silent is given up after this many seconds (http.lowSpeedTime in git-config(1)).
        "GIT_HTTP_LOW_SPEED_LIMIT": "1",
        "GIT_HTTP_LOW_SPEED_TIME": "30",
        **credential_variables(url, reached_at=reached_at, before=before),
    }


class Repository:
    """A clone. Every method raises GitError with Git's own last lines."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = dict(environment)

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        finished = subprocess.run(
            ["git", *arguments],  # noqa: S607 - the git on PATH
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            check=False,
            close_fds=False,  # the lock of the run's folder stays held while Git works, even if this process is killed
        )
        if check and finished.returncode != 0:
            last = (finished.stderr.strip() or finished.stdout.strip() or "no output").splitlines()[-1]
            raise GitError(
                f"git {' '.join(arguments)}: {last}",
                "is the Git server up, and are GITSYNC_USERNAME and GITSYNC_PASSWORD right?",
            )
        return finished

    def out(self, *arguments: str) -> str:
        return self.run(*arguments).stdout.strip()

    def commit_of(self, revision: str) -> str | None:
        """The full hash of `revision`, or None if there is no such commit."""
        finished = self.run("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", check=False)
        return finished.stdout.strip() or None

    def fetch(self, branch: str) -> None:
        """Bring `origin/<branch>` up to the server's.

        Raises:
            HistoryRewrittenError: the server's does not follow from ours, which stays as it is.
        """
        ours = f"refs/remotes/origin/{branch}"
        self.run("fetch", "--quiet", "--no-tags", "--refmap=", "origin", f"refs/heads/{branch}")
        before, now = self.commit_of(ours), self.out("rev-parse", "FETCH_HEAD")
        if before and self.run("merge-base", "--is-ancestor", before, now, check=False).returncode != 0:
            raise HistoryRewrittenError(
                f"the history of the branch {branch} was rewritten: {before[:12]}, which this run has read, is gone",
                "the run made no data version; start another, which begins with the branch as it is now",
            )
        self.run("update-ref", ours, now)

    def commit_of_run(self, revision: str, run: str, dag: str) -> str | None:
        """The commit reachable from `revision` whose trailers name this run, or None."""
        log = self.out(
            "log", revision, "--fixed-strings", f"--grep=Run-Id: {run}",
            "--format=%H%x00%(trailers:key=Run-Id,valueonly,separator=%x2C)%x00"
            "%(trailers:key=Dag-Id,valueonly,separator=%x2C)",
        )  # fmt: skip
        for line in log.splitlines():
            commit, run_id, dag_id = line.split("\0")
            if (run_id, dag_id) == (run, dag):
                return commit
        return None


def clone(url: str, branch: str, folder: Path, environment: Mapping[str, str]) -> Repository:
    """Clone `branch` of `url`; `folder` appears only when the clone is whole."""
    partial = folder.with_name(folder.name + ".partial")
    if partial.exists():
        import shutil

        shutil.rmtree(partial)
    partial.parent.mkdir(parents=True, exist_ok=True)
    # A collector in the background would outlive the step.
    quiet = ("--quiet", "--config", "gc.auto=0", "--config", "maintenance.auto=false")
    Repository(partial.parent, environment).run("clone", *quiet, "--branch", branch, url, str(partial))
    partial.rename(folder)
    return Repository(folder, environment)
