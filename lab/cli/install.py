"""`lab install`."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command(
        help="Install the environments that lab up needs, without starting anything: before a workshop, or a test.",
        epilog="Example: lab install localstack",
    )(install)


def install(
    environments: Annotated[list[str] | None, typer.Argument(help="Only these: airflow, worker, localstack.")] = None,
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.engine.phases import run_phases
    from lab.errors import NoSuchVersionError
    from lab.pins import ENVIRONMENTS

    unknown = set(environments or ()) - set(ENVIRONMENTS)
    if unknown:
        raise NoSuchVersionError(
            f"there is no environment {min(unknown)!r}", f"environments: {', '.join(ENVIRONMENTS)}"
        )
    chosen, _ = context.engine()
    wanted = {f"environment-{name}" for name in environments or ENVIRONMENTS}
    with context.exclusive("install"), ui.live_list() as shown:
        took = run_phases([phase for phase in chosen.phases() if phase.name in wanted], shown)
    ui.say("Installed." if took.seconds else "Nothing to do: installed already.")
