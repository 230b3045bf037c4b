"""`lab report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.options import Branch, file_to_write


def register(app: typer.Typer) -> None:
    app.command(
        help="Verify every data version and write one HTML page of them all, which opens without a network.",
        epilog="Example: lab report --output lineage.html",
    )(report)


def report(
    output: Annotated[
        Path | None,
        typer.Option(callback=file_to_write, help="Where to write it. [default: .lab/report/lineage.html]"),
    ] = None,
    branch: Branch = "main",
    check: Annotated[bool, typer.Option("--verify/--no-verify", help="Whether to read every object.")] = True,
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.lineage.report.make import make
    from lab.paths import Paths

    engine, _ = context.engine()
    target = (output or Paths.of().home / "report" / "lineage.html").expanduser().absolute()
    with ui.step("Making the report", 3600) as shown:
        entries = make(
            engine.access(), target, branch, lambda text: shown.note("", text),
            git_pages=engine.git_pages, check=check,
        )  # fmt: skip
    faults = sum(bool(each.problems) for each in entries)
    ui.say(f"{len(entries)} data versions" + (f", {faults} with a fault: make lab-verify" if faults else "."))
    ui.output.print(str(target), markup=False)
