"""The machine is checked before anything is changed, and the error says what is missing and how much."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import host
from lab.errors import HostError
from lab.paths import Paths

ENDLESS = 1 << 60


def test_too_little_disk_says_how_much_is_missing_and_where(tmp_path: Path) -> None:
    check = host.disk(tmp_path, ENDLESS)
    assert check.state == "fail"
    assert "not enough disk space: " in check.found
    assert str(tmp_path) in check.found
    assert check.hint


def test_too_little_memory_says_how_much_is_missing() -> None:
    check = host.memory(ENDLESS)
    assert check.state == "fail"
    assert "not enough memory: " in check.found
    assert check.hint


def test_enough_is_enough(tmp_path: Path) -> None:
    assert (host.disk(tmp_path, 1).state, host.memory(1).state) == ("ok", "ok")


def test_a_machine_without_git_is_refused_with_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match=r"^git is not installed$") as caught:
        host.require_host(Paths.of(tmp_path), installs=False, starts=False)
    assert "apt install git" in caught.value.hint


def test_an_old_git_is_refused_with_both_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\necho git version 2.20.1\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    check = host.git()
    assert check.state == "fail"
    assert check.found.startswith("git 2.20.1 is too old: the lab needs 2.")


def test_this_machine_has_what_the_tests_need() -> None:
    assert (host.git().state, host.git_backend().state, host.python().state) == ("ok",) * 3
