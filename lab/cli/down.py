"""`lab down`."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command(
        help="End everything that the lab runs. Data stays, unless --purge.",
        epilog="Example: lab down --purge",
    )(down)


def down(
    purge: Annotated[bool, typer.Option("--purge", help="Remove data, secrets and logs as well.")] = False,
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.engine import forget
    from lab.paths import Paths

    chosen, fault = context.engine_to_end()
    if fault:
        ui.say(f"warning: {fault}; ending the lab with the settings that it was brought up with")
    with context.exclusive("down"), ui.step("Ending the lab's services", 60):
        done = chosen.down(purge=purge)
        if purge:
            forget(Paths.of())
    ui.say("; ".join(done).capitalize() + "." if done else "Nothing to do: the lab is down.")
    if not purge:
        ui.say("Data is kept: `make lab-up` brings it back, `make lab-down PURGE=1` removes it.")
