"""What persons changed on a branch, read from a bare clone of the service's own."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.pipeline.git import GitError, Repository
from lab.pipeline.log import trailer
from lab.triggers.errors import TroubleError

FOLDER = "datasets/"
"""A change below it counts."""
NOT_A_PERSONS = ("Run-Id", "Data-Seed")
"""Trailers of commits that the pipeline and the lab itself make."""
LIMIT = 60
"""Seconds that a Git command may take: a server that hangs is looked for again."""


@dataclass(frozen=True)
class Changes:
    """What persons changed up to `head`: their commits (newest first), the newest one's author, and the files."""

    head: str
    commits: list[str]
    author: str
    paths: list[str]


@dataclass(frozen=True)
class Watched:
    """One branch of a repository, and the bare clone in `folder`, which is created again when it is broken.

    Every method raises TroubleError with Git's own last line.
    """

    url: str
    branch: str
    folder: Path
    environment: dict[str, str] = field(repr=False)

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.branch}"

    def head(self) -> str | None:
        """The commit at the head of the branch as the server has it now; None if there is no such branch."""
        listed = self.git("ls-remote", self.url, self.ref, cwd=self.folder.parent)
        return listed.split()[0] if listed.strip() else None

    def fetch(self, wanted: str | None = None) -> str:
        """Bring the clone up to the branch, with the commit `wanted` if the server has it; return the head.

        A commit that no branch has any more can still be asked for ("want" in gitprotocol-v2(5)), until the server
        collects its garbage.
        """
        if not (self.folder / "HEAD").exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.git("init", "--quiet", "--bare", str(self.folder), cwd=self.folder.parent)
        try:
            self.git("fetch", "--quiet", "--no-tags", self.url, f"+{self.ref}:{self.ref}")
            if wanted and not self.known([wanted]):
                self.git("fetch", "--quiet", "--no-tags", self.url, wanted, check=False)
            return self.git("rev-parse", self.ref).strip()
        except TroubleError:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def known(self, commits: Iterable[str]) -> list[str]:
        """Those of `commits` that the clone has."""
        names = list(commits)
        asked = "".join(f"{name}^{{commit}}\n" for name in names)
        answers = self.git("cat-file", "--batch-check=%(objecttype)", text=asked).splitlines()
        return [name for name, answer in zip(names, answers, strict=True) if answer == "commit"]

    def changes(self, head: str, handled: Iterable[str]) -> Changes | None:
        """What persons changed up to `head` that none of the commits `handled` has in its own history.

        Where the history was rewritten, that is what came since the two parted. Of a merge only what differs from all
        its parents counts: the rest are other commits' changes.
        """
        fields = ["%H", "%an", *(trailer(name) for name in NOT_A_PERSONS)]
        arguments = ("-c", "--raw", "--no-abbrev", "--no-renames", head, "--not", *handled, "--", FOLDER)
        with trouble():
            log = self.clone.log(fields, *arguments)
        found: list[tuple[str, str]] = []
        paths: dict[str, None] = {}
        for logged in log:
            commit, author, *trailers = logged.fields
            if logged.changes and not any(value.strip() for value in trailers):
                found.append((commit, author))
                paths |= dict.fromkeys(change.path for change in logged.changes)
        if not found:
            return None
        return Changes(head, [commit for commit, _ in found], found[0][1], sorted(paths))

    @property
    def clone(self) -> Repository:
        return Repository(self.folder, self.environment, LIMIT)

    def git(self, *arguments: str, cwd: Path | None = None, text: str = "", check: bool = True) -> str:
        """Standard output of `git <arguments>` in the clone, which gets `text` on standard input."""
        with trouble():
            place = Repository(cwd or self.folder, self.environment, LIMIT)
            finished = place.run(*arguments, text=text, check=False)
        if check and finished.returncode != 0:
            last = (finished.stderr.strip() or "no output").splitlines()[-1]
            raise TroubleError(f"git {arguments[0]}: {last}")
        return finished.stdout


@contextmanager
def trouble() -> Iterator[None]:
    """Raise Git's errors as what the service waits out."""
    try:
        yield
    except GitError as error:
        raise TroubleError(str(error)) from error
