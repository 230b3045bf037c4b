"""Which files of a lock go into a bundle: for each Python the wheel that suits it best, else the source."""

from __future__ import annotations

import platform
import sys
from typing import Any

import pytest

from lab.bundle.packages import Locked, Target, chosen, package_of
from lab.bundle_file.fit import pythons
from lab.errors import NetworkError

DIGITS = {
    name: f"{number:064x}" for number, name in enumerate(("any", "cp311", "cp312", "abi3", "new", "mac", "sdist"))
}
TAGS = {
    "any": "py3-none-any",
    "cp311": "cp311-cp311-manylinux_2_17_x86_64",
    "cp312": "cp312-cp312-manylinux_2_17_x86_64",
    "abi3": "cp311-abi3-manylinux_2_28_x86_64",
    "new": "cp312-cp312-manylinux_2_39_x86_64",
    "mac": "cp311-cp311-macosx_11_0_arm64",
}
DIGITS = {name: f"{number:064x}" for number, name in enumerate([*TAGS, "sdist"])}
LOCK = "".join(f"--hash=sha256:{digest}" for digest in DIGITS.values())


@pytest.fixture(autouse=True)
def linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.99"))


def package(*offered: str, lock: str = LOCK, marker: str = "") -> Locked:
    """One that the index has in these forms."""
    wheels = [
        {"url": f"https://index.invalid/x-1-{TAGS[name]}.whl", "hashes": {"sha256": DIGITS[name]}}
        for name in offered
        if name != "sdist"
    ]
    entry: dict[str, Any] = {"name": "x", "wheels": wheels, **({"marker": marker} if marker else {})}
    if "sdist" in offered:
        entry["sdist"] = {"url": "https://index.invalid/x-1.tar.gz", "hashes": {"sha256": DIGITS["sdist"]}}
    return package_of(entry, lock)


@pytest.mark.parametrize(
    ("version", "offered", "taken"),
    [
        ("3.11", ("any", "cp311", "cp312", "sdist"), "cp311"),
        ("3.12", ("any", "cp311", "cp312", "sdist"), "cp312"),
        ("3.13", ("any", "cp311", "cp312", "sdist"), "any"),
        ("3.13", ("cp311", "abi3", "sdist"), "abi3"),
        ("3.12", ("new", "any"), "any"),
        ("3.11", ("mac", "sdist"), "sdist"),
        ("3.13", ("cp311", "sdist"), "sdist"),
    ],
)
def test_each_python_gets_what_suits_it_best(version: str, offered: tuple[str, ...], taken: str) -> None:
    (file,) = chosen(Target(version), "worker", [package(*offered)])
    assert file.sha256 == DIGITS[taken]
    assert file.line == f"x @ {file.url} --hash=sha256:{DIGITS[taken]}\n"


def test_what_a_marker_leaves_out_is_left_out() -> None:
    backport = package("any", marker="python_full_version < '3.12'")
    assert [len(list(chosen(Target(version), "worker", [backport]))) for version in ("3.11", "3.12")] == [1, 0]


def test_a_file_that_the_lock_does_not_name_is_not_taken() -> None:
    offered = package("cp311", "any", lock=f"--hash=sha256:{DIGITS['any']}")
    assert [file.sha256 for file in chosen(Target("3.11"), "worker", [offered])] == [DIGITS["any"]]


def test_a_package_without_a_file_for_this_machine_is_reported() -> None:
    with pytest.raises(NetworkError, match=r"no file of x as worker locks it, for 3\.11"):
        list(chosen(Target("3.11"), "worker", [package("mac")]))


def test_every_python_that_the_lab_runs_on_is_served() -> None:
    assert pythons()[0] == "3.11"
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in pythons()
