"""`lab doctor`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command(
        help="Check the machine and the lab: what is missing or left over, what to do. Exit status 1 on a fault.",
        epilog="Example: lab doctor --json",
    )(doctor)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.errors import CheckFailedError

    chosen, _ = context.engine()
    found = chosen.diagnose()
    if as_json:
        ui.data([asdict(check) for check in found])
    else:
        marks = {"ok": "✓", "warn": "!", "fail": "✗"}
        for check in found:
            ui.output.print(f"{marks[check.state]} {check.name}: {check.found}", markup=False)
            if check.state != "ok" and check.hint:
                ui.output.print(f"    hint: {check.hint}", markup=False)
    failed = [check for check in found if check.state == "fail"]
    if failed:
        names = ", ".join(check.name for check in failed)
        raise CheckFailedError(f"{ui.counted(len(failed), 'check')} failed: {names}", "each is marked ✗ above")
