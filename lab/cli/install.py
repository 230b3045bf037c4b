"""`lab install`."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command(
        help="Fetch, build and install what lab up needs, without starting anything: before a workshop, or a test.",
        epilog="Example: lab install localstack",
    )(install)


def install(
    parts: Annotated[list[str] | None, typer.Argument(help="Only these: airflow, worker, localstack, images …")] = None,
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.engine.phases import run_phases
    from lab.errors import NotFoundError

    chosen, _ = context.engine(new=True)
    phases = {phase.name.removeprefix("environment-"): phase for phase in chosen.phases() if phase.installs}
    unknown = set(parts or ()) - set(phases)
    if unknown:
        raise NotFoundError(f"there is no part {min(unknown)!r} to install", f"parts: {', '.join(phases)}")
    with context.exclusive("install"), ui.live_list() as shown:
        took = run_phases([phases[name] for name in parts or phases], shown)
    ui.say("Installed." if took.seconds else "Nothing to do: installed already.")
