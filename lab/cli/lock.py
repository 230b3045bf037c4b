"""`lab lock`: for people who change versions."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    app.command(
        help="Resolve the locks of the environments again from lab/pins.toml. Needs the network.",
        epilog="Example: lab lock",
        hidden=True,
    )(lock)


def lock() -> None:
    from lab import ui
    from lab.locks import make_lock
    from lab.paths import Paths
    from lab.pins import locked

    for name in locked():
        with ui.step(f"Locking the {name} environment", 300):
            changed = make_lock(Paths.of(), name)
        ui.say(f"{name}: {'changed' if changed else 'as before'}")
