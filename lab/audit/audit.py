"""Queries PyPI, with pip-audit, for known vulnerabilities of every locked Python package.

Nothing is installed or resolved: the locks name exact versions. pip-audit runs in a separate environment, installed
from its lock.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.bundle_file.fit import OWN_LOCK
from lab.environments import Environment
from lab.errors import NetworkError
from lab.paths import Paths
from lab.pins import AUDIT, lock_file, locked
from lab.proc import clean_environment, run
from lab.uv import NETWORK_HINT, run_uv

LIMIT = 900
"""Seconds that the requests for one lock may take."""


@dataclass(frozen=True)
class Finding:
    """A known vulnerability of a locked package; `fixed_in` are versions without it, if there are any."""

    lock: str
    package: str
    version: str
    vulnerability: str
    fixed_in: tuple[str, ...]


@dataclass(frozen=True)
class AuditReport:
    """What was found, and what could not be checked, one line each."""

    findings: list[Finding]
    not_checked: list[str]


def audit(paths: Paths, note: Callable[[str], None]) -> AuditReport:
    """Check every lock.

    Raises:
        NetworkError: the network does not reach PyPI, or pip-audit's own packages; there is no result.
    """
    tool = Environment(paths, AUDIT)
    if not tool.is_current():
        tool.make()
    report = AuditReport([], [])
    for name, file in locks(paths).items():
        note(name)
        add(report, name, ask(tool, name, file))
    return report


def locks(paths: Paths) -> dict[str, Path]:
    """Every lock, as a list of requirements."""
    own = paths.cache / "audit-requirements.txt"
    own.parent.mkdir(parents=True, exist_ok=True)
    run_uv(paths, "export", "--quiet", "--frozen", "--no-emit-project", "--all-groups", "--output-file", own)
    return {OWN_LOCK: own, **{lock_file(name): paths.source / lock_file(name) for name in locked()}}


def ask(tool: Environment, name: str, lock: Path) -> dict[str, Any]:
    """What pip-audit says of one lock, as JSON; its exit status 1 means vulnerabilities, or that it failed."""
    options = ("--disable-pip", "--format", "json", "--progress-spinner", "off", "--desc", "off")
    command: list[str | Path] = [tool.folder / "bin" / "pip-audit", "--requirement", lock, *options]
    done = run(command, env=clean_environment(), limit=LIMIT, check=False)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        detail = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise NetworkError(f"the vulnerabilities of {name} could not be requested", NETWORK_HINT, detail) from error
    return found


def add(report: AuditReport, name: str, answer: dict[str, Any]) -> None:
    for package in answer["dependencies"]:
        if "skip_reason" in package:
            report.not_checked.append(f"{name}: {package['name']}: {package['skip_reason']}")
        for each in package.get("vulns", []):
            fixed = tuple(each["fix_versions"])
            report.findings.append(Finding(name, package["name"], package["version"], each["id"], fixed))
