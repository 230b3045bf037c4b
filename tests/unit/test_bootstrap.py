"""What `lab/bootstrap.py` decides without a network: which uv wheel fits, what of the host's settings goes along."""

from __future__ import annotations

import hashlib
import os
import platform
import stat
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lab import bootstrap

MACHINES = [
    ("linux", "x86_64", "glibc", ("manylinux", "x86_64")),
    ("linux", "aarch64", "glibc", ("manylinux", "aarch64")),
    ("linux", "x86_64", "", ("musllinux", "x86_64")),
    ("linux", "aarch64", "", ("musllinux", "aarch64")),
    ("darwin", "arm64", "", ("macosx", "arm64")),
    ("darwin", "x86_64", "", ("macosx", "x86_64")),
]


def be(monkeypatch: pytest.MonkeyPatch, system: str, machine: str, library: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "libc_ver", lambda: (library, ""))


def wheels() -> list[str]:
    return [wheel["url"].rsplit("/", 1)[-1] for wheel in bootstrap.locked_uv()["wheels"]]


def test_the_lock_names_uv_with_wheels_and_their_hashes() -> None:
    package = bootstrap.locked_uv()
    assert package["name"] == "uv"
    assert all(wheel["hash"].startswith("sha256:") for wheel in package["wheels"])


@pytest.mark.parametrize(("system", "machine", "library", "tags"), MACHINES)
def test_on_each_supported_machine_one_locked_wheel_fits(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, library: str, tags: tuple[str, str]
) -> None:
    be(monkeypatch, system, machine, library)
    fitting = [name for name in wheels() if bootstrap.platform_matches(name)]
    assert fitting
    family, architecture = tags
    assert all(family in name and name.endswith(f"{architecture}.whl") for name in fitting)


@pytest.mark.parametrize(("system", "machine"), [("linux", "sparc"), ("darwin", "ppc")])
def test_where_no_wheel_fits_none_is_taken(monkeypatch: pytest.MonkeyPatch, system: str, machine: str) -> None:
    be(monkeypatch, system, machine, "glibc")
    assert not [name for name in wheels() if bootstrap.platform_matches(name)]


def test_a_machine_is_known_by_its_other_name(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch, "linux", "AMD64", "glibc")
    assert bootstrap.platform_matches("uv-1-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl")
    assert not bootstrap.platform_matches("uv-1-py3-none-musllinux_1_1_x86_64.whl")


def test_pips_index_carries_over_where_uv_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.invalid/simple")
    assert bootstrap.uv_environment()["UV_DEFAULT_INDEX"] == "https://index.invalid/simple"


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_uvs_own_index_beats_pips(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.invalid/simple")
    monkeypatch.setenv(name, "https://other.invalid/simple")
    assert "https://index.invalid/simple" not in [
        value for key, value in bootstrap.uv_environment().items() if key.startswith("UV_")
    ]


@pytest.mark.parametrize(("said", "version"), [("uv 0.9.12 (x 2026)", (0, 9, 12)), ("no uv", ()), ("", ())])
def test_the_version_of_a_uv_is_read_from_its_own_words(tmp_path: Path, said: str, version: tuple[int, ...]) -> None:
    program = tmp_path / "uv"
    program.write_text(f"#!/bin/sh\necho '{said}'\n", "utf-8")
    program.chmod(0o755)
    assert bootstrap.version_of(str(program)) == version
    assert bootstrap.version_of(str(tmp_path / "none")) == ()


@pytest.mark.parametrize(("version", "taken"), [("99.0.0", True), ("0.1.0", False)])
def test_a_uv_on_the_path_is_taken_only_if_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, taken: bool
) -> None:
    own = tmp_path / "own"
    monkeypatch.setattr(bootstrap, "HOME", own)
    for file, reported in (
        (tmp_path / "bin/uv", version),
        (own / "cache" / f"uv-{bootstrap.locked_uv()['version']}" / "uv", "0.9.99"),
    ):
        file.parent.mkdir(parents=True)
        file.write_text(f"#!/bin/sh\necho uv {reported}\n", "utf-8")
        file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    assert (bootstrap.find_uv() == str(tmp_path / "bin/uv")) is taken


def test_a_failure_is_an_error_line_the_last_lines_and_a_hint_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bootstrap.fail(5, "uv could not be fetched", "check the network", "\n".join(map(str, range(20))))
    error, *detail, hint = capsys.readouterr().err.splitlines()
    assert (ended.value.code, error, hint) == (5, "error: uv could not be fetched", "hint: check the network")
    assert detail == [f"  │ {number}" for number in range(12, 20)]


def test_the_labs_folder_is_closed_to_other_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "HOME", tmp_path / ".lab")
    for before in (None, 0o755):
        if before:
            (tmp_path / ".lab").chmod(before)
        os.close(bootstrap.hold_lock())
        assert stat.S_IMODE((tmp_path / ".lab").stat().st_mode) == 0o700


def uv_wheel(folder: Path, checksum: str = "") -> dict[str, Any]:
    """A wheel that fits here, and the package as uv.lock would name it."""
    name = next(name for name in wheels() if bootstrap.platform_matches(name))
    with zipfile.ZipFile(folder / name, "w") as wheel:
        wheel.writestr("uv-9.data/scripts/uv", "#!/bin/sh\necho uv 9.0.0\n")
    found = checksum or hashlib.sha256((folder / name).read_bytes()).hexdigest()
    return {"version": "9", "wheels": [{"url": f"https://index.invalid/{name}", "hash": f"sha256:{found}"}]}


def test_uv_comes_out_of_a_bundle(tmp_path: Path) -> None:
    own = tmp_path / "uv"
    assert bootstrap.uv_by_bundle(uv_wheel(tmp_path), own, tmp_path)
    assert bootstrap.version_of(str(own)) == (9, 0, 0)


def test_a_uv_with_another_checksum_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bootstrap.uv_by_bundle(uv_wheel(tmp_path, "0" * 64), tmp_path / "uv", tmp_path)
    assert ended.value.code == 5
    assert "checksum" in capsys.readouterr().err
    assert not (tmp_path / "uv").exists()


def test_without_a_bundle_or_a_fitting_wheel_uv_is_fetched(tmp_path: Path) -> None:
    package = uv_wheel(tmp_path)
    assert not bootstrap.uv_by_bundle(package, tmp_path / "uv", None)
    assert not bootstrap.uv_by_bundle(package, tmp_path / "uv", tmp_path / "none")


@pytest.mark.parametrize("arguments", [["up"], ["status", "--bundle", "none.tar"], []])
def test_only_up_opens_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.setattr(bootstrap, "HOME", tmp_path)
    assert bootstrap.packages_of_bundle(arguments) is None


def test_a_bundle_that_is_not_there_ends_the_bootstrap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "HOME", tmp_path)
    with pytest.raises(SystemExit) as ended:
        bootstrap.packages_of_bundle(["up", "--engine", "local", "--bundle=none.tar"])
    assert ended.value.code == 4
    assert "none.tar cannot be read" in capsys.readouterr().err
