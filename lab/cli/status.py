"""`lab status`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lab.engine.base import Engine, ServiceStatus, Status

AT_ONCE = frozenset({"down", "stopped", "unsupervised"})
"""States that nothing leaves as long as no other lab command is at work."""
PAUSE = 1.0


def register(app: typer.Typer) -> None:
    app.command(
        help="Show each service, its health with the reason, and the URLs. "
        "Exit status 0: healthy, 1: starting or degraded, 6: down or stopped.",
        epilog="Example: lab status --json · lab status --wait --limit 120",
    )(status)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is healthy.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Seconds to wait at most.")] = 300,
) -> None:
    from lab import ui
    from lab.cli import context

    chosen, _ = context.engine()
    now = wait_until_healthy(chosen, limit) if wait else chosen.status()
    if as_json:
        ui.data(asdict(now))
    else:
        show(chosen, now)
    raise typer.Exit(exit_code(now))


def exit_code(now: Status) -> int:
    from lab.errors import CheckFailedError, NotRunningError

    if now.state == "healthy":
        return 0
    return NotRunningError.exit_code if now.state in AT_ONCE else CheckFailedError.exit_code


def wait_until_healthy(chosen: Engine, limit: float) -> Status:
    """The status as soon as it is healthy, or down with no command at work that would bring the lab up.

    Raises:
        ServiceError: the limit was reached; the message names the first service that is not healthy, and why.
    """
    from lab import ui
    from lab.cli import context
    from lab.wait import NotYetError, wait_until

    def probe() -> Status:
        now = chosen.status()
        if now.state == "healthy" or (now.state in AT_ONCE and not context.at_work()):
            return now
        ill = next((service for service in now.services if service.state != "healthy"), None)
        message = f"{ill.name}: {ill.reason or ill.state}" if ill else f"the lab is {now.state}"
        shown.note("", message)
        raise NotYetError(message)

    with ui.live_list() as shown:
        shown.start("", "Waiting for the lab", limit)
        found = wait_until(probe, what="the lab", limit=limit, pause=PAUSE, hint="make lab-doctor")
        shown.drop("")
    return found


def show(chosen: Engine, now: Status) -> None:
    """Print the state, a table of the services, and the DAG files that do not load."""
    from lab import ui
    from lab.airflow.dag_errors import CORRECT

    ui.say(f"The lab is {now.state} (engine {now.engine}).")
    if not now.services:
        for line in chosen.leftovers():
            ui.say(f"  still running: {line}")
        ui.say(f"Next:  {chosen.up_command}")
        return
    ui.table([row(service) for service in now.services], ["service", "state", "process", "up for", "URL", "reason"])
    if now.memory:
        ui.say(f"Memory: {now.memory / (1 << 20):,.0f} MiB ({now.memory_kind})")
    if now.import_errors:
        ui.say(f"DAGs: {ui.counted(len(now.import_errors), 'file')} cannot be loaded")
        for fault in now.import_errors:
            ui.say(f"  {fault}")
        ui.hint(CORRECT)


def row(service: ServiceStatus) -> list[str]:
    reason = service.reason if service.state != "healthy" else ""
    process = str(service.pid or service.pod)
    return [service.name, service.state, process, age(service.uptime_seconds), service.url, reason]


def age(seconds: float | None) -> str:
    """`42 s`, `3 min`, `5 h`, `2 days`."""
    if seconds is None:
        return ""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
