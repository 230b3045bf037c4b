"""`lab audit`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

NOT_CHECKED = 5
"""Lines of what was not checked that are shown; --json has all."""


def register(app: typer.Typer) -> None:
    app.command(
        help="Ask PyPI for known vulnerabilities of all locked Python packages. Exit status 1 if there are any, "
        "5 if it could not be reached.",
        epilog="Example: lab audit --json",
    )(audit)


def audit(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    from lab import ui
    from lab.audit.audit import audit as look
    from lab.errors import CheckFailedError, NetworkError
    from lab.paths import Paths

    with ui.step("Asking for known vulnerabilities", 1800) as shown:
        report = look(Paths.of(), lambda text: shown.note("", text))
    if as_json:
        ui.data(asdict(report))
    elif report.findings:
        headings = ["package", "version", "vulnerability", "fixed in", "lock"]
        ui.table(
            [[f.package, f.version, f.vulnerability, ", ".join(f.fixed_in), f.lock] for f in report.findings], headings
        )
    for line in report.not_checked[:NOT_CHECKED]:
        ui.say(f"not checked: {line}")
    if report.findings:
        message = f"known vulnerabilities in locked packages: {len(report.findings)}"
        raise CheckFailedError(message, "raise the pins, then make lock; docs/threat-model.md says what is exposed")
    if report.not_checked:
        message = f"locked packages that the package index does not know, and so not checked: {len(report.not_checked)}"
        raise NetworkError(message, "try again on a network that reaches PyPI itself, not a mirror of its files")
    ui.say("No known vulnerabilities.")
