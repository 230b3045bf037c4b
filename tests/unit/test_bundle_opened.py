"""Opening a bundle: laid out once it has proved to be sound and to fit; else it is refused, and nothing has changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lab.bundle_file import fit
from lab.bundle_file.archive import Bundle
from lab.bundle_file.opened import IMAGES, PACKAGES, PROGRAMS, open_bundle, opened, packages_for, uv_options
from lab.errors import CheckFailedError, HostError
from lab.paths import SOURCE
from tests.unit.bundles import FILES, flip, position_of, write_bundle


def open_it(file: Path, home: Path) -> Bundle:
    return open_bundle(file, SOURCE, home, lambda _: None)


def laid_out(home: Path) -> dict[str, bytes]:
    """The files of the bundle that is open."""
    found = opened(home)
    assert found is not None
    files = {str(file.relative_to(found[0])): file for file in found[0].rglob("*") if file.is_file()}
    return {name: file.read_bytes() for name, file in files.items() if name != "bundle.json"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_everything_but_the_images_is_laid_out(tmp_path: Path, home: Path) -> None:
    bundle = open_it(write_bundle(tmp_path), home)
    assert laid_out(home) == {name: content for name, content in FILES.items() if name != IMAGES}
    found = opened(home)
    assert found is not None
    assert found[1] == bundle
    assert os.access(found[0] / PROGRAMS / "kind-1", os.X_OK)


def test_nothing_is_open_before(home: Path) -> None:
    assert opened(home) is None
    assert packages_for("uv.lock", SOURCE, home) is None
    assert uv_options(None) == ()


def test_packages_serve_the_lock_that_they_were_fetched_for(tmp_path: Path, home: Path) -> None:
    open_it(write_bundle(tmp_path), home)
    packages = packages_for("uv.lock", SOURCE, home)
    assert packages is not None
    assert packages.name == PACKAGES
    assert {"--offline", "--no-index", str(packages)} <= set(uv_options(packages))
    (tmp_path / "uv.lock").write_text("another", "utf-8")
    assert packages_for("uv.lock", tmp_path, home) is None
    assert packages_for("images/go.lock", SOURCE, home) is None


def test_the_same_file_is_not_read_again(tmp_path: Path, home: Path) -> None:
    file = write_bundle(tmp_path)
    open_it(file, home)
    notes: list[str] = []
    open_bundle(file, SOURCE, home, notes.append)
    assert notes == []


def test_a_copy_is_checked_again_and_remembered(tmp_path: Path, home: Path) -> None:
    file = write_bundle(tmp_path)
    open_it(file, home)
    copy = Path(shutil.copy(file, tmp_path / "copy.tar"))
    assert open_it(copy, home).file == copy
    file.unlink()
    found = opened(home)
    assert found is not None
    assert found[1].file == copy
    flip(copy, position_of(copy, b"images" * 100))
    with pytest.raises(CheckFailedError, match=rf"copy\.tar is damaged: {IMAGES}"):
        open_it(copy, home)


def test_another_bundle_takes_the_place_of_the_first(tmp_path: Path, home: Path) -> None:
    open_it(write_bundle(tmp_path), home)
    open_it(write_bundle(tmp_path, {"packages/three.whl": b"3"}, name="new.tar"), home)
    assert laid_out(home) == {"packages/three.whl": b"3"}
    assert len(list((home / "bundle").iterdir())) == 1


def test_a_damaged_bundle_leaves_the_one_that_is_open(tmp_path: Path, home: Path) -> None:
    open_it(write_bundle(tmp_path), home)
    before = laid_out(home)
    bad = write_bundle(tmp_path, {"packages/three.whl": b"three"}, name="bad.tar")
    flip(bad, position_of(bad, b"three\0"))
    with pytest.raises(CheckFailedError, match=r"bad\.tar is damaged: packages/three\.whl"):
        open_it(bad, home)
    assert laid_out(home) == before
    assert len(list((home / "bundle").iterdir())) == 1


def test_what_a_killed_attempt_has_left_is_not_trusted(tmp_path: Path, home: Path) -> None:
    file = write_bundle(tmp_path)
    half = home / "bundle" / open_it(file, tmp_path / "elsewhere").digest[:12] / PACKAGES
    half.mkdir(parents=True)
    (half / "one-1-py3-none-any.whl").write_bytes(b"on")
    (half / "old.whl").write_bytes(b"old")
    assert opened(home) is None
    open_it(file, home)
    assert laid_out(home) == {name: content for name, content in FILES.items() if name != IMAGES}


class Misfit(NamedTuple):
    """A fact of a bundle that does not fit, and what its refusal says."""

    facts: Callable[[], dict[str, Any]]
    said: str


MISFITS = {
    "platform": Misfit(lambda: {"platform": "plan9-mips"}, f"for plan9-mips, this machine is {fit.this_platform()}"),
    "python": Misfit(lambda: {"pythons": ["2.7"]}, "packages for Python 2.7, this is 3"),
    "checkout": Misfit(
        lambda: {"made_from": {**fit.made_from(SOURCE), "uv.lock": "0", "images/airflow/requirements.lock": "0"}},
        "it was made with another images/airflow/requirements.lock, uv.lock",
    ),
}


@pytest.mark.parametrize("misfit", MISFITS.values(), ids=MISFITS)
def test_a_bundle_that_does_not_fit_is_refused(tmp_path: Path, home: Path, misfit: Misfit) -> None:
    with pytest.raises(HostError) as refused:
        open_it(write_bundle(tmp_path, **misfit.facts()), home)
    assert misfit.said in refused.value.message
    assert refused.value.hint
    assert opened(home) is None


def test_too_small_a_disk_is_reported_before_anything_is_written(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_bundle(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 0}))
    with pytest.raises(HostError, match=f"0 MiB are free in {home}"):
        open_it(file, home)
    assert not (home / "bundle").exists()
