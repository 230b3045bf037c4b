"""A repository and a bucket in which writers meet: made again for each example, and checked for its promises."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.pipeline.pointer import Pointer, parse
from lab.pipeline.synthetic import generate
from lab.pipeline.table import inspect

BUCKET = "writers"
DATASET = "datasets/employees.csv"
POINTER = f"{DATASET}.dvc"
SEED_ROWS = 20


@dataclass
class Place:
    """`s3` is a client of the real S3 API; `variables` point DVC to it."""

    folder: Path
    s3: Any
    variables: dict[str, str]
    heads: set[str] = field(default_factory=set)
    by_hand: int = 0

    def __post_init__(self) -> None:
        self.prefix = self.folder.name
        self.bare, self.desk = self.folder / "bare.git", self.folder / "desk"
        self.folder.mkdir()
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare), at=self.folder)
        self.git("clone", "--quiet", str(self.bare), str(self.desk), at=self.folder)
        self.git("checkout", "--quiet", "-b", "main")
        (self.desk / ".dvc").mkdir()
        self.configure(self.prefix)
        (self.desk / ".dvc" / ".gitignore").write_text("/cache\n/tmp\n")
        (self.desk / "datasets").mkdir()
        (self.desk / "datasets" / ".gitignore").write_text("/employees.csv\n")
        generate(self.folder / "seed.csv", SEED_ROWS, 7)
        self.publish((self.folder / "seed.csv").read_bytes(), "Seed")

    def configure(self, prefix: str) -> None:
        config = f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = s3://{BUCKET}/{prefix}\n"
        (self.desk / ".dvc" / "config").write_text(config)

    def git(self, *arguments: str, at: Path | None = None) -> str:
        person = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.invalid",
                  "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.invalid"}  # fmt: skip
        finished = subprocess.run(
            ["git", *arguments], cwd=at or self.desk, env={**os.environ, **person}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert finished.returncode == 0, finished.stderr
        return finished.stdout.strip()

    def environment(self, number: int, rows: int) -> dict[str, str]:
        """What Airflow passes to the steps of a run."""
        return {
            **self.variables,
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PIPELINE_RUN_ID": f"run-{number}",
            "PIPELINE_DAG_ID": "pipeline",
            "PIPELINE_RUN_DATE": "2025-01-31",
            "PIPELINE_REPOSITORY": str(self.bare),
            "PIPELINE_BRANCH": "main",
            "PIPELINE_DATASET": DATASET,
            "PIPELINE_ROWS": str(rows),
            "PIPELINE_SHARED_DIR": str(self.folder / "shared"),
        }

    def publish(self, content: bytes, subject: str) -> None:
        """A person's data version: object first, then the commit."""
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        self.s3.put_object(Bucket=BUCKET, Key=self.key(md5), Body=content)
        text = f"outs:\n- md5: {md5}\n  size: {len(content)}\n  hash: md5\n  path: employees.csv\n"
        (self.desk / POINTER).write_text(text)
        self.commit(subject)

    def commit(self, subject: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", subject)
        self.git("push", "--quiet", "origin", "main")

    def person_notes(self) -> None:
        """A person pushes a commit that has nothing to do with the data."""
        self.git("pull", "--quiet", "--rebase", "origin", "main")
        self.by_hand += 1
        (self.desk / "notes.md").write_text(f"{self.by_hand}\n")
        self.commit("Notes")

    def person_describes(self, text: str) -> None:
        """A person adds this text to the dataset's pointer."""
        self.git("pull", "--quiet", "--rebase", "origin", "main")
        with (self.desk / POINTER).open("a") as file:
            file.write(text)
        self.commit("Described")

    def operator_sets(self, commit: str | None) -> None:
        """A person with access to the server sets the branch to this commit, or deletes it."""
        change = ["update-ref", "refs/heads/main", commit] if commit else ["update-ref", "-d", "refs/heads/main"]
        self.git(*change, at=self.bare)

    def head(self) -> str | None:
        """The commit at the head of the branch, as the server has it; None if there is no branch."""
        return self.git("for-each-ref", "--format=%(objectname)", "refs/heads/main", at=self.bare) or None

    def move_remote(self, prefix: str) -> None:
        """A person moves the repository's data elsewhere in the bucket."""
        self.git("pull", "--quiet", "--rebase", "origin", "main")
        self.configure(prefix)
        self.commit("Another remote")

    def person_appends(self) -> int:
        """A person adds a row to the data by hand; returns the number of rows."""
        self.git("pull", "--quiet", "--rebase", "origin", "main")
        content = self.object(self.pointer("HEAD").md5)
        last = content.decode().splitlines()[-1]
        number, rest = last.split(",", 1)
        self.publish(content + f"{int(number) + 1},{rest}\n".encode(), "By hand")
        return 1

    def pointer(self, commit: str) -> Pointer:
        return parse(self.git("show", f"{commit}:{POINTER}", at=self.bare), POINTER)

    def key(self, md5: str) -> str:
        return f"{self.prefix}/files/md5/{md5[:2]}/{md5[2:]}"

    def object(self, md5: str) -> bytes:
        content = self.s3.get_object(Bucket=BUCKET, Key=self.key(md5))["Body"].read()
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == md5
        return bytes(content)

    def require_object_of_head(self) -> None:
        """No commit on the branch ever names an object that is not in the bucket."""
        head = self.git("rev-parse", "main", at=self.bare)
        if head not in self.heads:
            self.object(self.pointer(head).md5)
            self.heads.add(head)

    def require_promises(self, runs: dict[str, int], rows_by_hand: int) -> None:
        """One version for each run that adds rows, no row lost or doubled, and nothing left over."""
        fields = "%H|%P|%(trailers:key=Run-Id,valueonly,separator=%x2C)|"
        log = self.git("log", "--reverse", f"--format={fields}", "main", at=self.bare)
        entries = [line.split("|") for line in log.splitlines()]
        assert all(len(parents.split()) == 1 for _, parents, _, _ in entries[1:]), "the history is not linear"
        made = [(commit, run) for commit, _, run, _ in entries if run]
        assert sorted(run for _, run in made) == sorted(run for run, rows in runs.items() if rows)
        before = b""
        for commit, *_ in entries:
            content = self.object(self.pointer(commit).md5)
            assert content.startswith(before), "a version does not begin with the one before it"
            before = content
        (self.folder / "last.csv").write_bytes(before)
        assert inspect(self.folder / "last.csv").rows == SEED_ROWS + sum(runs.values()) + rows_by_hand
        self.require_receipts([commit for commit, _ in made])
        assert list((self.folder / "shared" / "runs").iterdir()) == []

    def require_receipts(self, commits: list[str]) -> None:
        for commit in commits:
            pointer = self.pointer(commit)
            key = f"{self.prefix}/receipts/{pointer.md5[:2]}/{pointer.md5[2:]}.json"
            receipt = json.loads(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
            message = self.git("log", "-1", "--format=%B", commit, at=self.bare)
            assert re.search(rf"^Run-Id: {receipt['run']['id']}$", message, re.MULTILINE)
            assert (receipt["md5"], receipt["size"]) == (pointer.md5, pointer.size)
            assert receipt["base"]["md5"] == self.pointer(f"{commit}^").md5
