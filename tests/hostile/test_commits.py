"""Commits that want to break their readers: each is listed, hides no other, and sends nothing to the terminal."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.lineage import needed, versions
from lab.pipeline.git import Repository
from lab.pipeline.log import CONTROL, records
from lab.triggers.history import Watched
from tests.unit.support import md5_like, pointer_text

POINTER = "datasets/d.csv.dvc"
RUN, DAG = "manual__2025-01-01T00:00:00+00:00", "pipeline"
PLAIN = b"Ada <a@b> 1700000000 +0000"


class History:
    """A repository with commits written byte by byte, past the checks of `git commit`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.head = ""

    def git(self, *arguments: str, content: bytes = b"") -> str:
        done = subprocess.run(["git", *arguments], cwd=self.folder, input=content, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def commit(
        self, number: int, author: bytes = PLAIN, message: bytes = b"By hand\n", name: bytes = POINTER.encode(),
        further: bytes = b"",
    ) -> str:  # fmt: skip
        """A commit that puts a pointer to this number's md5 at `name`."""
        blob = self.git("hash-object", "-w", "--stdin", content=pointer_text(md5_like(number)).encode())
        self.git("update-index", "-z", "--index-info", content=f"100644 {blob}\t".encode() + name + b"\0")
        lines = [b"tree " + self.git("write-tree").encode(), *([b"parent " + self.head.encode()] if self.head else []),
                 b"author " + author, b"committer " + author + further, b"", message]  # fmt: skip
        self.head = self.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", content=b"\n".join(lines))
        self.git("update-ref", "refs/heads/main", self.head)
        return self.head

    @property
    def repository(self) -> Repository:
        return Repository(self.folder, dict(os.environ))


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "repository")


def trailers(*lines: str) -> bytes:
    return ("Data version: 1\n\nprose\n\n" + "\n".join(lines) + "\n").encode()


OWN = (f"Run-Id: {RUN}", f"Dag-Id: {DAG}")
AUTHORS = {
    "framing": b"a\x01b\x02c\x1f <a@b> 1700000000 +0000",
    "NUL": b"a\0b\0c\0d <a@b> 1700000000 +0000",
    "terminal": b"\x1b[2J\x1b]0;title\x07 <a@b> 1700000000 +0000",
    "direction": "\u202eADA\u2066 <a@b> 1700000000 +0000".encode(),
    "carriage return": b"a\rb <a@b> 1700000000 +0000",
    "lines": "a\u2028b\u0085c <a@b> 1700000000 +0000".encode(),
    "raw format": b":100644 100644 a b M <a@b> 1700000000 +0000",
    "no UTF-8": b"\xff\xfe <a@b> 1700000000 +0000",
    "no name": b"<> 1700000000 +0000",
    "no time": b"Ada <a@b> ",
    "a time of any size": b"Ada <a@b> 99999999999999999999999 +9999",
    "before all time": b"Ada <a@b> -1 +0000",
    "long": b"a" * 100_000 + b" <a@b> 1700000000 +0000",
}
MESSAGES = {
    "folded trailer": trailers("Run-Id: a", " b", "  c", *OWN),
    "folded run": trailers(f"Run-Id: {RUN}", "\tx", f"Dag-Id: {DAG}"),
    "many runs": trailers(*(["Run-Id: a"] * 1000)),
    "a run of another DAG": trailers(OWN[0], "Dag-Id: other"),
    "framing": trailers("Run-Id: a\x01b\x02", "Data-Md5: \x01", "Dag-Id: \x1b[2J"),
    "numbers": trailers("Data-Rows: 99999999999999999999999999999999999999", "Data-Size: -1", "Data-Seed: ²",
                        "Data-Row-Key: 9999999999"),
    "seconds": trailers("Task-Seconds: pull_data nan, push_data inf", "Task-Seconds: a"),
    "percent": trailers("Run-Id: %H%x00%an", "Dag-Id: %(trailers)"),
    "empty": b"",
    "blank": b"\n\n\n",
    "no UTF-8": b"\xff\xfe\n\nRun-Id: \xff\n",
    "NUL": b"a\0b\n\nRun-Id: \0\n",
    "subject": b"\x1b[31mred\x1b[0m\x07\n",
    "long": b"x" * 1_000_000,
}  # fmt: skip
NAMES = {
    "newline": b"datasets/a\nb.csv.dvc", "framing": b"datasets/\x01\x02.csv.dvc", "option": b"datasets/--x.csv.dvc",
    "raw format": b":100644 100644 a b M.dvc", "quote": b'datasets/".csv.dvc', "no UTF-8": b"datasets/\xff.csv.dvc",
    "terminal": b"datasets/\x1b[2J.csv.dvc", "pattern": b"datasets/[*]?.csv.dvc", "magic": b":(exclude)x.dvc",
    "only the suffix": b"datasets/.dvc",
}  # fmt: skip
CASES = [
    *(pytest.param({"author": author}, id=f"author: {name}") for name, author in AUTHORS.items()),
    *(pytest.param({"message": message}, id=f"message: {name}") for name, message in MESSAGES.items()),
    *(pytest.param({"name": path}, id=f"name: {name}") for name, path in NAMES.items()),
    pytest.param({"further": b"\nencoding no-such-encoding"}, id="encoding"),
    pytest.param({"further": b"\ngpgsig x\n y\n\x01z"}, id="signature"),
]


@pytest.mark.parametrize("hostile", CASES)
def test_a_hostile_commit_is_listed_and_hides_no_other(history: History, hostile: dict[str, bytes]) -> None:
    first = history.commit(1)
    middle = history.commit(2, **hostile)
    last = history.commit(3, message=trailers(*OWN, "Data-Rows: 7"))
    found = versions.read(history.repository)
    assert [each.commit for each in found] == [first, middle, last]
    assert (found[0].md5, found[2].md5) == (md5_like(1), md5_like(3))
    assert (found[2].run_id, found[2].dag_id, found[2].rows) == (RUN, DAG, 7)
    assert found[1].md5 == md5_like(2) or found[1].fault
    shown = [found[1].author, found[1].subject, found[1].path, found[1].time, found[1].fault, found[1].run_id or ""]
    assert not CONTROL.search("".join(shown))


@pytest.mark.parametrize("hostile", CASES)
def test_a_hostile_commit_is_recognised_by_the_watcher_and_the_collector(
    history: History, tmp_path: Path, hostile: dict[str, bytes]
) -> None:
    first = history.commit(1)
    middle = history.commit(2, **hostile)
    last = history.commit(3)
    watched = Watched(str(history.folder), "main", tmp_path / "clone.git", dict(os.environ))
    assert watched.fetch() == last
    changes = watched.changes(last, [first])
    assert changes is not None
    assert changes.commits[0] == last
    assert set(changes.commits) <= {middle, last}
    assert not CONTROL.search(changes.author + "".join(changes.paths))
    pointers = needed.pointers_of(history.repository)
    named = {md5 for text in history.repository.blobs([blob for blob, _ in pointers]) for md5, _ in needed.named(text)}
    assert named == {md5_like(1), md5_like(2), md5_like(3)}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_run_is_found_by_its_own_trailers_alone(history: History, message: bytes) -> None:
    history.commit(1)
    history.commit(2, message=message)
    assert history.repository.commit_of_run("main", RUN, DAG) is None
    own = history.commit(3, message=trailers(*OWN))
    history.commit(4, message=message)
    assert history.repository.commit_of_run("main", RUN, DAG) == own


def test_a_version_that_cannot_be_read_says_why(history: History) -> None:
    history.commit(1)
    history.git("update-index", "--cacheinfo", f"120000,{history.git('hash-object', '-w', '--stdin')},{POINTER}")
    history.git("commit", "--quiet", "--message", "A link")
    history.git("update-index", "--cacheinfo", f"160000,{history.head},{POINTER}")
    history.git("commit", "--quiet", "--message", "A submodule")
    found = versions.read(history.repository)
    faults = [f"{POINTER} is {what}, not a DVC pointer" for what in ("a symbolic link", "a submodule")]
    assert [each.fault for each in found] == ["", *faults]
    assert [each.md5 for each in found] == [md5_like(1), None, None]


def test_a_replaced_object_does_not_hide_what_a_commit_names(history: History) -> None:
    """`refs/replace/` comes along with a mirror (git-replace(1))."""
    first = history.commit(1)
    other = history.commit(2)
    history.git("update-ref", f"refs/replace/{first}", other)
    history.git("update-ref", "refs/heads/main", first)
    (version,) = versions.read(history.repository, "main")
    assert version.md5 == md5_like(1)
    pointers = needed.pointers_of(history.repository)
    assert {at.rpartition(" ")[2] for _, at in pointers} == {first[:10], other[:10]}


FIELDS = st.lists(st.text(st.characters(exclude_characters="\0")), min_size=2, max_size=5)
CHANGES = st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1), max_size=3)


@settings(deadline=None)
@given(st.integers(2, 5), st.lists(st.tuples(FIELDS, CHANGES), max_size=5))
def test_no_field_or_path_moves_another(count: int, given: list[tuple[list[str], list[str]]]) -> None:
    output, expected = "", []
    for number, (fields, paths) in enumerate(given):
        own = [f"{number:040x}", *(fields * 5)[: count - 1]]
        output += "".join(f"{field}\0" for field in own)
        raw = [f":100644 100644 {'a' * 40} {'b' * 40} M\0{path}\0" for path in paths]
        output += "\n" * bool(raw) + "".join(raw)
        expected.append((own, paths))
    found = list(records(output, count))
    assert [each.fields[0] for each in found] == [own[0] for own, _ in expected]
    for each, (own, paths) in zip(found, expected, strict=True):
        assert each.fields == [CONTROL.sub("\ufffd", field) for field in own]
        assert [change.path for change in each.changes] == [CONTROL.sub("\ufffd", path) for path in paths]
        assert {change.blob for change in each.changes} <= {"b" * 40}


@settings(deadline=None, max_examples=15, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(author=st.binary(max_size=30), message=st.binary(max_size=60))
def test_whatever_a_commit_holds_its_version_is_one(
    tmp_path_factory: pytest.TempPathFactory, author: bytes, message: bytes
) -> None:
    history = History(tmp_path_factory.mktemp("history") / "repository")
    name = author.replace(b"\n", b" ")
    made = [history.commit(1), history.commit(2, author=name + b" <a@b> 1700000000 +0000", message=message)]
    assert [each.commit for each in versions.read(history.repository)] == made


EVENTS: dict[str, Callable[[History], object]] = {
    "hook": lambda history: (history.folder / ".git/hooks/post-index-change").write_text("#!/bin/sh\ntouch executed\n"),
    "fsmonitor": lambda history: history.git("config", "core.fsmonitor", "touch executed; false"),
}


@pytest.mark.parametrize("event", EVENTS)
def test_git_runs_nothing_of_a_repository(history: History, event: str) -> None:
    """Whatever has got into its `.git`."""
    commit = history.commit(1)
    EVENTS[event](history)
    for hook in (history.folder / ".git" / "hooks").iterdir():
        hook.chmod(0o755)
    history.repository.run("read-tree", commit)
    history.repository.run("status", check=False)
    assert not (history.folder / "executed").exists()
    history.git("read-tree", commit)
    history.git("status")
    assert (history.folder / "executed").exists(), "Git alone would have"


@pytest.mark.parametrize("url", ["ext::sh -c 'touch executed'", "git://127.0.0.1:1/x", "fd::3"])
def test_git_uses_no_transport_but_the_usual_ones(history: History, url: str) -> None:
    asked = history.repository.run("ls-remote", "--", url, check=False)
    assert "not allowed" in asked.stderr
    assert not (history.folder / "executed").exists()
