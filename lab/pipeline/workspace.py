"""The shared volume: turns to push, and a run's folder, held by one try, repaired after a crash, removed at the end.

Nothing in the folder is needed to finish the run: a step that finds no folder makes one, and derives what was in it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.pipeline import git
from lab.pipeline.dvc import isolate
from lab.pipeline.errors import PipelineError
from lab.pipeline.git import Repository
from lab.pipeline.run import Run

BUSY_LIMIT = 120
"""Seconds to wait for an earlier try that Airflow has given up, and that still runs."""
TURN_LIMIT: float = 120
"""Seconds to wait for the pushes of other runs."""
DEAD_AFTER = 3600
"""Seconds after which a folder without a holder belongs to a dead run."""


class RunBusyError(PipelineError):
    """Another try of this run's steps is at work (EX_TEMPFAIL of sysexits.h)."""

    exit_code = 75


@contextmanager
def held(run: Run) -> Iterator[None]:
    """Keep other tries of this run out while the block runs.

    The lock is the kernel's (flock(2)): it goes when this process and the Git it started have ended, however they do.

    Raises:
        RunBusyError: another try was at work for BUSY_LIMIT seconds.
    """
    run.lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = wait_for(run.lock, BUSY_LIMIT)
    if descriptor is None:
        raise RunBusyError(
            f"another try of this run has been at work for {BUSY_LIMIT} s",
            "it holds the run's folder; Airflow tries again later",
        )
    try:
        os.utime(descriptor)
        os.set_inheritable(descriptor, True)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def turn(run: Run, say: Callable[[str], None]) -> Iterator[None]:
    """Serialise the pushes of the runs on this volume, so that none invalidates another's work on a head.

    It saves work and is no safeguard: after TURN_LIMIT seconds the block runs anyway, in parallel to the other's.
    The lock goes with this process (flock(2)), and is not passed on to the Git it starts.
    """
    descriptor = acquire(run.turn)
    if descriptor is None:
        say("another run is pushing: waiting for its end")
        descriptor = wait_for(run.turn, TURN_LIMIT)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def wait_for(lock: Path, limit: float) -> int | None:
    """The open and locked file, or None if others held it for `limit` seconds."""
    until = time.monotonic() + limit
    while (descriptor := acquire(lock)) is None and time.monotonic() < until:
        time.sleep(0.1)
    return descriptor


def acquire(lock: Path) -> int | None:
    """The open and locked file, or None if another process holds it."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its last holder may have removed the file since it was opened; then it keeps no other out.
        if is_still_there(descriptor, lock):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def is_still_there(descriptor: int, lock: Path) -> bool:
    """Whether the open file is the one at this path; FileNotFoundError if there is none.

    The path is opened for that: on NFS, as on EFS, stat(2) may answer from the client's cache, and open(2) asks the
    server ("Close-to-open cache consistency" in nfs(5)).
    """
    there = os.open(lock, os.O_RDWR)
    try:
        return os.path.samestat(os.fstat(descriptor), os.fstat(there))
    finally:
        os.close(there)


def remove_folder(run: Run) -> None:
    """Remove what is in the way of a fresh start."""
    if run.folder.exists():
        shutil.rmtree(run.folder)


def remove(run: Run) -> None:
    """Remove the folder, and the lock, which this process holds."""
    shutil.rmtree(run.folder, ignore_errors=True)
    run.lock.unlink(missing_ok=True)


def collect_dead(run: Run) -> list[str]:
    """Remove the folders of other runs that no try holds and that no step has touched for DEAD_AFTER seconds.

    Returns:
        Their names. If one of them is started again after all, it creates its folder again.
    """
    collected = []
    for name in sorted({entry.name.removesuffix(".lock") for entry in run.lock.parent.iterdir()} - {run.folder.name}):
        folder, lock = run.lock.parent / name, run.lock.parent / f"{name}.lock"
        try:
            touched = (lock if lock.exists() else folder).stat().st_mtime
        except FileNotFoundError:  # its own run has just removed it
            continue
        if time.time() - touched < DEAD_AFTER or (descriptor := acquire(lock)) is None:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.close(descriptor)
        collected.append(name)
    return collected


def open_clone(run: Run) -> Repository:
    """The run's clone with the branch as it is now on the server; made if it is not there.

    Raises:
        HistoryRewrittenError: the branch no longer has what this run has seen of it.
    """
    # In a pod the place says by GIT_CONFIG_* where the repository's host is reached: that stays.
    environment = {**os.environ, **git.isolated_variables(run.repository, before=os.environ)}
    isolate(run.folder / "dvc")
    if not run.clone.exists():
        return git.clone(run.repository, run.branch, run.clone, environment)
    remove_stale_locks(run.clone)
    repository = Repository(run.clone, environment)
    repository.fetch(run.branch)
    return repository


def remove_stale_locks(clone: Path) -> None:
    """Remove the locks that a killed Git or DVC has left: this process holds the folder, so no other uses them.

    DVC's (`.dvc/tmp/rwlock`) name a process id, which another container may have given to another process.
    """
    for lock in (clone / ".git").rglob("*.lock"):
        lock.unlink(missing_ok=True)
    shutil.rmtree(clone / ".dvc" / "tmp", ignore_errors=True)


def write(file: Path, content: Mapping[str, Any]) -> None:
    """Keep `content` for a later step; the file is there whole or not at all."""
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(content), "utf-8")
    partial.replace(file)


def read(file: Path) -> dict[str, Any]:
    """What was kept, empty if nothing was."""
    try:
        content = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
