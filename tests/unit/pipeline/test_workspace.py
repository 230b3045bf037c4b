"""A run's lock: held by one process, and worthless once its file is gone, also where stat(2) answers from a cache."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from lab.pipeline import workspace
from lab.pipeline.dvc import isolate


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    held = workspace.acquire(tmp_path / "lock")
    assert held is not None
    assert workspace.acquire(tmp_path / "lock") is None
    os.close(held)
    again = workspace.acquire(tmp_path / "lock")
    assert again is not None
    os.close(again)


@pytest.mark.parametrize("followed", [True, False])
def test_a_lock_that_was_removed_counts_for_nothing_whatever_stat_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, followed: bool
) -> None:
    """Its holder removes it, and another makes it again, between our open(2) and our flock(2).

    stat(2) by path goes on saying what it said before, as an NFS client may for seconds (acregmin in nfs(5)).
    """
    lock = tmp_path / "lock"
    lock.touch()
    cached, flock = lock.stat(), fcntl.flock

    def replaced(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        lock.unlink()
        if followed:
            lock.touch()
        flock(descriptor, operation)

    def stale(self: Path, **_: Any) -> os.stat_result:
        return cached

    monkeypatch.setattr(fcntl, "flock", replaced)
    monkeypatch.setattr(Path, "stat", stale)
    assert workspace.acquire(lock) is None


@pytest.mark.parametrize("given", [None, "", "/place/aws"])
def test_no_configuration_of_aws_is_read_but_the_places_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
        if given is not None:
            monkeypatch.setenv(name, given)
    for name in ("DVC_NO_ANALYTICS", "DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"):
        monkeypatch.setenv(name, "")  # so that they are put back
    isolate(tmp_path / "dvc")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        file = Path(os.environ[name])
        assert file == Path(given) if given else (file.is_file() and file.read_bytes() == b"")
