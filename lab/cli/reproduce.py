"""`lab reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.options import file_to_write


def register(app: typer.Typer) -> None:
    app.command(
        help="Write the file of a data version, bytes equal; with --replay derive it again from its base.",
        epilog="Example: lab reproduce 3 --replay --output old.csv",
    )(reproduce)


def reproduce(
    version: Annotated[str, typer.Argument(help="A number, `latest`, a run, or the start of a commit or md5.")],
    output: Annotated[
        Path | None, typer.Option(callback=file_to_write, help="Where to write it. [default: below .lab/reproduced]")
    ] = None,
    replay: Annotated[bool, typer.Option("--replay", help="Derive it from its base, do not pull it.")] = False,
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.lineage.reproduce import reproduce as write

    access = context.access()
    with ui.step("Replaying" if replay else "Pulling", 3600):
        found, file = write(access, version, output, replay=replay)
    how = "derived again, same md5" if replay else "pulled, md5 checked"
    ui.say(f"Version {found.number} ({how}): md5 {found.md5}")
    ui.output.print(str(file), markup=False)
