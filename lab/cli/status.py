"""`lab status`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command(
        help="Show each service, its health with the reason, and the URLs.",
        epilog="Example: lab status --json",
    )(status)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    from lab import ui
    from lab.cli import context

    chosen, _ = context.engine()
    now = chosen.status()
    if as_json:
        ui.data(asdict(now))
        return
    ui.say(f"The lab is {now.state} (engine {now.engine}).")
    if not now.services:
        for line in chosen.leftovers():
            ui.say(f"  left over: {line}")
        ui.say("Next:  make lab-up")
        return
    rows = [
        [
            s.name,
            s.state,
            str(s.pid or s.pod),
            age(s.uptime_seconds),
            s.url,
            s.reason if s.state != "healthy" else "",
        ]
        for s in now.services
    ]
    ui.table(rows, ["service", "state", "process", "up for", "URL", "reason"])
    ui.say(f"Memory: {now.memory / (1 << 20):,.0f} MiB ({now.memory_kind})")


def age(seconds: float | None) -> str:
    """`42 s`, `3 min`, `5 h`, `2 days`."""
    if seconds is None:
        return ""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
