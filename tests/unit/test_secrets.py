"""Secrets: made once, never changed, never readable by anybody else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from lab.secrets import GENERATORS, Secrets, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    made = Secrets(tmp_path / "secrets")
    made.ensure()
    return made


def test_every_secret_is_made_and_none_is_guessable(secrets: Secrets) -> None:
    values = {name: secrets[name] for name in GENERATORS}
    assert all(len(value) >= 16 for value in values.values())
    assert len(set(values.values())) == len(values)
    assert secrets.missing() == []


def test_files_and_folder_are_the_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = Secrets(tmp_path / "open")
        made.ensure()
    finally:
        os.umask(before)
    assert mode(made.folder) == 0o700
    assert {mode(made.file(name)) for name in GENERATORS} == {0o600}


def test_a_folder_that_was_open_is_closed(secrets: Secrets) -> None:
    secrets.folder.chmod(0o755)
    secrets.ensure()
    assert mode(secrets.folder) == 0o700


def test_a_secret_once_made_is_never_changed(secrets: Secrets) -> None:
    before = {name: secrets[name] for name in GENERATORS}
    secrets.ensure()
    assert {name: secrets[name] for name in GENERATORS} == before


def test_only_a_missing_secret_is_made_again(secrets: Secrets) -> None:
    before = {name: secrets[name] for name in GENERATORS}
    secrets.file("git-password").unlink()
    assert secrets.missing() == ["git-password"]
    secrets.ensure()
    changed = [name for name in GENERATORS if secrets[name] != before[name]]
    assert changed == ["git-password"]


def test_two_labs_have_different_secrets(secrets: Secrets, tmp_path: Path) -> None:
    other = Secrets(tmp_path / "other")
    other.ensure()
    assert all(other[name] != secrets[name] for name in GENERATORS)


def test_the_access_key_is_none_that_amazon_could_have_issued(secrets: Secrets) -> None:
    assert not secrets["aws-access-key-id"].startswith(("AKIA", "ASIA", "LKIA", "LSIA"))


def test_a_private_file_replaces_an_open_one_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old and longer than the new text", "utf-8")
    file.chmod(0o644)
    write_private(file, "new")
    assert (file.read_text("utf-8"), mode(file)) == ("new", 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
