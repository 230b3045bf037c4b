"""Git by its own program, with credentials from the environment by a credential helper.

No secret ever stands in a URL, in argv or in a file: the helper is a shell function in Git's configuration, passed by
GIT_CONFIG_* variables (git-config(1)), that answers from GITSYNC_USERNAME and GITSYNC_PASSWORD (the names of
git-sync v4, which the Secret `git-credentials` carries).
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from lab.pipeline.errors import PipelineError
from lab.pipeline.isolation import content_variables
from lab.pipeline.log import Logged, joined, records, trailer

NO_SUCH_BRANCH = "couldn't find remote ref"
"""What git-fetch says of a branch that the server does not have (builtin/fetch.c and connect.c in Git's source)."""
REWRITTEN = "the run made no data version; start another, which begins with the branch as it is now"
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
    """A clone, in which content is data: see content_variables. Every method raises GitError with Git's own last lines.

    `limit` is how many seconds a command may take; None: as long as it does.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], limit: float | None = None) -> None:
        self.folder = folder
        self.environment = content_variables(environment)
        self.limit = limit

    def run(self, *arguments: str, check: bool = True, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run `git <arguments>`, which gets `text` on standard input."""
        finished = self.run_bytes(*arguments, content=text.encode("utf-8", "replace"))
        read = [str(output, "utf-8", "replace") for output in (finished.stdout, finished.stderr)]
        result = subprocess.CompletedProcess(finished.args, finished.returncode, *read)
        if check and result.returncode != 0:
            raise failed(arguments, result)
        return result

    def run_bytes(self, *arguments: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """As `run`, bytes in and out; the status is the caller's to judge."""
        try:
            return subprocess.run(
                ["git", *arguments],  # noqa: S607 - the git on PATH
                cwd=self.folder,
                env=self.environment,
                capture_output=True,
                input=content,
                timeout=self.limit,
                check=False,
                close_fds=False,  # the lock of the run's folder stays held while Git works, if this process is killed
            )
        except subprocess.TimeoutExpired as error:
            raise GitError(
                f"git {arguments[0]} took longer than {self.limit} s", "check that the Git server is up"
            ) from error

    def out(self, *arguments: str) -> str:
        return self.run(*arguments).stdout.strip()

    def log(self, fields: Sequence[str], *arguments: str) -> list[Logged]:
        """The commits of `git log <arguments>`, each with these fields (placeholders of git-log(1))."""
        output = self.run("log", "-z", f"--format={joined(fields)}", *arguments).stdout
        try:
            return list(records(output, len(fields)))
        except (ValueError, IndexError) as error:
            raise GitError("git log: its output cannot be read", "run git fsck in a clone of the repository") from error

    def blobs(self, names: Sequence[str]) -> list[str]:
        """The text of each blob, by its hash, all by one process; what is not UTF-8 is replaced.

        Raises:
            GitError: the repository lacks one.
        """
        if not names:
            return []
        finished = self.run_bytes("cat-file", "--batch", content="".join(f"{name}\n" for name in names).encode())
        contents, rest = [], finished.stdout
        for name in names:
            header, _, rest = rest.partition(b"\n")
            size = header.rpartition(b" blob ")[2]
            if finished.returncode != 0 or not size.isdigit():
                raise GitError(f"git cat-file: there is no blob {name}", "clone the repository again, or run git fsck")
            contents.append(str(rest[: int(size)], "utf-8", "replace"))
            rest = rest[int(size) + 1 :]
        return contents

    def commit_of_run(self, revision: str, run: str, dag: str) -> str | None:
        """The commit reachable from `revision` that has this run in its trailers, or None."""
        found = self.log(
            ["%H", trailer("Run-Id"), trailer("Dag-Id")], "--fixed-strings", f"--grep=Run-Id: {run}", revision, "--"
        )
        return next((each.fields[0] for each in found if each.fields[1:] == [run, dag]), None)

    def commit_of(self, revision: str) -> str | None:
        """The full hash of `revision`, or None if there is no such commit."""
        finished = self.run("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", check=False)
        return finished.stdout.strip() or None

    def fetch(self, branch: str) -> None:
        """Bring our copy of the branch (`remote_ref`) up to the server's.

        Raises:
            HistoryRewrittenError: the server's does not follow from ours, or is gone; ours stays as it is.
        """
        ours, arguments = remote_ref(branch), ("fetch", "--quiet", "--no-tags", "--refmap=", "origin")
        before = self.commit_of(ours)
        fetched = self.run(*arguments, f"refs/heads/{branch}", check=False)
        if fetched.returncode != 0 and before and NO_SUCH_BRANCH in fetched.stderr:
            raise HistoryRewrittenError(f"the branch {branch} was deleted while this run was under way", REWRITTEN)
        if fetched.returncode != 0:
            raise failed(arguments, fetched)
        now = self.out("rev-parse", "FETCH_HEAD")
        if before and not self.follows(now, before):
            raise HistoryRewrittenError(
                f"the history of the branch {branch} was rewritten: {before[:12]}, which this run has read, is gone",
                REWRITTEN,
            )
        self.run("update-ref", ours, now)

    def follows(self, commit: str, earlier: str) -> bool:
        """Whether `earlier` is in the history of `commit`."""
        return self.run("merge-base", "--is-ancestor", earlier, commit, check=False).returncode == 0

    def commit_on(self, parent: str, file: str, content: str, message: str, *, mode: str = "100644") -> str:
        """A commit on `parent` that changes one file; no branch has it yet, and nothing is checked out."""
        blob = self.run("hash-object", "-w", "--no-filters", "--stdin", text=content).stdout.strip()
        self.run("read-tree", parent)
        self.run("update-index", "--add", "--cacheinfo", f"{mode},{blob},{file}")
        tree = self.out("write-tree")
        return self.run("commit-tree", tree, "-p", parent, "-F", "-", text=f"{message}\n").stdout.strip()

    def push(self, commit: str, branch: str, head: str) -> subprocess.CompletedProcess[str]:
        """Push a commit made on `head`, which the server takes only while the branch is at `head` (a lease).

        Without the lease, a branch that was reset to an earlier commit, or deleted, would come back.

        Raises:
            GitError: the commit does not follow from `head`. What the server refuses is in the result.
        """
        if not self.follows(commit, head):
            raise GitError(f"{commit[:12]} does not follow from {head[:12]}", "run the task again")
        name = f"refs/heads/{branch}"
        return self.run(
            "push", "--quiet", f"--force-with-lease={name}:{head}", "origin", f"{commit}:{name}", check=False
        )


def failed(arguments: Sequence[str], finished: subprocess.CompletedProcess[str]) -> GitError:
    """The error of a Git command that ended with a status other than 0, with its last line."""
    last = (finished.stderr.strip() or finished.stdout.strip() or "no output").splitlines()[-1]
    return GitError(
        f"git {arguments[0]}: {last}",
        "check the branch, the Git server, GITSYNC_USERNAME and GITSYNC_PASSWORD",
    )


def remote_ref(branch: str) -> str:
    """Our copy of the server's branch, by its full name: a tag may be called `origin/<branch>`."""
    return f"refs/remotes/origin/{branch}"


def clone(url: str, branch: str, folder: Path, environment: Mapping[str, str]) -> Repository:
    """Clone `branch` of `url` without checking anything out; `folder` appears only when the clone is whole."""
    partial = folder.with_name(folder.name + ".partial")
    if partial.exists():
        import shutil

        shutil.rmtree(partial)
    partial.parent.mkdir(parents=True, exist_ok=True)
    # A collector in the background would outlive the step.
    quiet = ("--quiet", "--config", "gc.auto=0", "--config", "maintenance.auto=false")
    only = ("--no-checkout", "--single-branch", "--no-tags", "--branch", branch)
    Repository(partial.parent, environment).run("clone", *quiet, *only, "--", url, str(partial))
    partial.rename(folder)
    return Repository(folder, environment)
