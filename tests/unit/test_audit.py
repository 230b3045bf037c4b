"""`lab audit`: what pip-audit says of every lock; without a connection there is no clean result."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.environments import Environment
from lab.paths import SOURCE, Paths
from lab.pins import AUDIT, lock_file, locked
from tests.unit.conftest import Outcome

Lab = Callable[..., Outcome]
CLEAN = {"dependencies": [{"name": "dvc", "version": "3.67.1", "vulns": []}], "fixes": []}
BROKEN = {
    "dependencies": [
        {"name": "dvc", "version": "3.67.1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.68"], "aliases": []}]},
        {"name": "odd", "skip_reason": "Dependency not found on PyPI"},
    ],
    "fixes": [],
}


@pytest.fixture
def pip_audit(checkout: Paths) -> Callable[[str, str], None]:
    """Have the environment of the audit, with a program that notes its lock, prints this and ends with a script."""
    for name in ("uv.lock", "pyproject.toml", "images", "lab"):
        (checkout.source / name).symlink_to(SOURCE / name)
    uv = checkout.environment("lab") / "uv-path"
    uv.parent.mkdir(parents=True)
    uv.write_text((SOURCE / ".lab/environments/lab/uv-path").read_text("utf-8"), "utf-8")
    tool = Environment(checkout, AUDIT)
    program = tool.folder / "bin" / "pip-audit"
    program.parent.mkdir(parents=True)
    tool.stamp.write_text(tool.wanted(), "utf-8")

    def install(said: str, end: str) -> None:
        (checkout.home / "said").write_text(said, "utf-8")
        program.write_text(
            f'#!/bin/sh\nhead -1 "$2" > /dev/null && echo "$2" >> \'{checkout.home}/asked\'\n'
            f"cat '{checkout.home}/said'\n{end}\n",
            "utf-8",
        )
        program.chmod(0o755)

    return install


def test_every_lock_is_checked(lab: Lab, checkout: Paths, pip_audit: Callable[[str, str], None]) -> None:
    pip_audit(json.dumps(CLEAN), "exit 0")
    outcome = lab("audit")
    assert (outcome.status, outcome.out) == (0, "")
    asked = [Path(line) for line in (checkout.home / "asked").read_text("utf-8").splitlines()]
    assert asked[1:] == [checkout.source / lock_file(name) for name in locked()]
    assert "pip-audit" not in asked[0].read_text("utf-8")
    assert "\nmypy==" in asked[0].read_text("utf-8")  # tools of development, too
    assert {
        str(file.relative_to(SOURCE)) for file in SOURCE.glob("**/requirements.lock") if ".lab" not in file.parts
    } <= {lock_file(name) for name in locked()}


def test_a_known_vulnerability_is_named_and_fails(lab: Lab, pip_audit: Callable[[str, str], None]) -> None:
    pip_audit(json.dumps(BROKEN), "exit 1")
    outcome = lab("audit", "--json")
    assert outcome.status == 1
    found = json.loads(outcome.out)["findings"]
    assert len(found) == len(locked()) + 1
    assert found[0] == {
        "lock": "uv.lock", "package": "dvc", "version": "3.67.1", "vulnerability": "PYSEC-1", "fixed_in": ["3.68"],
    }  # fmt: skip
    assert "not checked: uv.lock: odd: Dependency not found on PyPI" in outcome.err
    assert f"known vulnerabilities in locked packages: {len(found)}" in outcome.err


def test_where_pypi_cannot_be_asked_nothing_is_said_to_be_clean(
    lab: Lab, pip_audit: Callable[[str, str], None]
) -> None:
    pip_audit("", "echo 'ERROR:pip_audit._cli:Could not connect to PyPI' >&2; exit 1")
    outcome = lab("audit")
    assert outcome.status == 5
    assert "error: the vulnerabilities of uv.lock could not be requested" in outcome.err
    assert "Could not connect to PyPI" in outcome.err
    assert "hint: check the network" in outcome.err


def test_an_index_that_knows_no_package_is_no_clean_bill(lab: Lab, pip_audit: Callable[[str, str], None]) -> None:
    unknown = {"dependencies": [{"name": "dvc", "skip_reason": "Dependency not found on PyPI"}], "fixes": []}
    pip_audit(json.dumps(unknown), "exit 0")
    outcome = lab("audit")
    assert outcome.status == 5
    assert f"not checked: {len(locked()) + 1}" in outcome.err
    assert "No known vulnerabilities" not in outcome.err
