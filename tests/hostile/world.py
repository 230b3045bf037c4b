"""A lab's repository with a hostile branch, a run on it, and what must not have happened."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from tests.writers.place import POINTER, Place
from tests.writers.writers import Host, Writer

EXECUTED = "executed"
"""The file that any executed content makes."""


@dataclass
class World:
    """`outside` is a folder that no run may touch; `executed` is a script that leaves a trace."""

    host: Host
    place: Place
    before: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.outside = self.place.folder / "outside"
        self.outside.mkdir()
        (self.outside / "victim.csv").write_text("precious\n")
        self.executable = self.place.folder / "program"
        self.executable.write_text(f"#!/bin/sh\ntouch '{self.place.folder / EXECUTED}'\n")
        self.executable.chmod(0o755)

    @property
    def desk(self) -> Path:
        """The clone of who pushes."""
        return self.place.desk

    def pointer(self) -> str:
        return (self.desk / POINTER).read_text("utf-8")

    def write(self, name: str, content: str) -> None:
        file = self.desk / name
        if file.is_symlink() or file.exists():
            file.unlink()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, "utf-8")

    def link(self, name: str, target: str | Path) -> None:
        """A symbolic link that replaces the file."""
        file = self.desk / name
        if file.is_dir() and not file.is_symlink():
            file.rename(self.place.folder / f"was-{file.name.strip('.')}")
        file.unlink(missing_ok=True)
        file.symlink_to(target)

    def submodule(self, name: str) -> None:
        """A gitlink that replaces the file."""
        self.place.git("rm", "-r", "--quiet", "--cached", "--", name)
        commit = self.place.git("rev-parse", "HEAD")
        self.place.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{name}")

    def push(self, *, add: bool = True) -> None:
        if add:
            self.place.git("add", "--all", "--force")
        self.place.git("commit", "--quiet", "--message", "Hostile")
        self.place.git("push", "--quiet", "origin", "main")

    def run(self, rows: int = 3, **variables: str) -> Writer:
        """A run with a single try of each step, until one fails."""
        self.before = self.everything_else()
        environment = {**self.place.environment(1, rows), "PIPELINE_TRIES_LEFT": "0", **variables}
        writer = Writer(self.host, environment, self.place.folder / "run.log", rows)
        while not writer.ended and set(writer.statuses) <= {0}:
            writer.go()
        return writer

    def output(self, writer: Writer) -> str:
        return writer.output.read_text("utf-8") if writer.output.exists() else ""

    def everything_else(self) -> dict[str, str]:
        """All that is in the place, besides the folders of runs and the repository itself."""
        own = {"shared", "bare.git", "desk", "run.log"}
        return {
            str(file.relative_to(self.place.folder)): fingerprint(file)
            for top in self.place.folder.iterdir() if top.name not in own
            for file in [top, *(top.rglob("*") if top.is_dir() and not top.is_symlink() else [])]
        }  # fmt: skip

    def require_harmless(self, writer: Writer) -> None:
        """Nothing was executed, nothing outside was touched or left, and nothing ended in a traceback."""
        said = self.output(writer)
        assert "Traceback" not in said
        assert not (self.place.folder / EXECUTED).exists()
        assert self.everything_else() == self.before
        runs = self.place.folder / "shared" / "runs"
        assert not runs.exists() or list(runs.iterdir()) == []

    def require_refused(self, writer: Writer, status: int, *words: str) -> None:
        """The first step fails for good with one error that has these words, and the branch is as it was."""
        said = self.output(writer)
        self.require_harmless(writer)
        assert writer.statuses == [status], said
        errors = [line for line in said.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, said
        assert all(word in errors[0] for word in words), said
        assert "\nhint: " in f"\n{said}"
        assert "Hostile" in self.place.git("log", "-1", "--format=%s", "main", at=self.place.bare)

    def require_version(self, writer: Writer, rows: int = 3) -> None:
        """The run makes its version, as on any other branch."""
        assert writer.statuses == [0, 0, 0], self.output(writer)
        self.require_harmless(writer)
        content = self.place.object(self.place.pointer("refs/heads/main").md5)
        assert content.count(b"\n") == 1 + 20 + rows


def fingerprint(file: Path) -> str:
    if file.is_symlink():
        return f"-> {file.readlink()}"
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest() if file.is_file() else "folder"
