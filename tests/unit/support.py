"""What several tests need: programs to run, real Git repositories."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab.pipeline.git import Repository
from lab.proc import run

PATIENT = "import signal; print('up', flush=True); signal.pause()"
"""A program that runs until it is ended."""

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
"""The same, and SIGTERM does not end it."""


@contextlib.contextmanager
def program(code: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A Python program that has said its first line; it is killed after the block."""
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def orphan(code: str, environment: dict[str, str]) -> Iterator[psutil.Process]:
    """A program like `program`'s with an ended parent, as of every service that an ended lab left behind."""
    starter = (
        "import sys; from subprocess import DEVNULL, PIPE, Popen; "
        "p = Popen([sys.executable, '-c', sys.argv[1]], stdout=PIPE, stderr=DEVNULL); "
        "p.stdout.readline(); print(p.pid)"
    )
    started = run([sys.executable, "-c", starter, code], env=environment, limit=30)
    process = psutil.Process(int(started.stdout))
    try:
        yield process
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; a zombie does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def git(folder: Path, *arguments: str, text: str | None = None) -> str:
    """What `git <arguments>` prints in `folder`."""
    return run(["git", *arguments], cwd=folder, limit=60, text=text).stdout.strip()


def new_repository(folder: Path) -> Repository:
    """An empty repository with the branch `main`."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    return Repository(folder, dict(os.environ))


def commit(repository: Repository, message: str, files: dict[str, str]) -> str:
    """Write these files, commit everything, and return the commit."""
    for name, content in files.items():
        file = repository.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, "utf-8")
    repository.run("add", "--all")
    repository.run("commit", "--quiet", "--message", message)
    return repository.out("rev-parse", "HEAD")


def pointer_text(md5: str, size: int = 10, path: str = "d.csv") -> str:
    """A `.dvc` file as DVC 3 writes it, of a file called `path` beside it."""
    return f"outs:\n- md5: '{md5}'\n  size: {size}\n  hash: md5\n  path: {path}\n"


def md5_like(number: int) -> str:
    """32 hexadecimal digits of this number's own."""
    return f"{number:08x}" * 4


def fake_program(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    """Have this shell script for the program `name`, before any other on PATH."""
    file = folder / "fake" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    file.chmod(0o755)
    if str(file.parent) not in os.environ["PATH"].split(":"):
        monkeypatch.setenv("PATH", f"{file.parent}:{os.environ['PATH']}")


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and folder below a folder, with the time of its last change and its content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (path.lstat().st_mtime_ns, content)
    return found
