"""`lab up`."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lab.access import Access
    from lab.config import Layer


def register(app: typer.Typer) -> None:
    app.command(
        help="Bring the lab up, or continue where an earlier attempt stopped.",
        epilog="Example: lab up --timings",
    )(up)


def up(
    engine: Annotated[str | None, typer.Option(help="auto, local or kind (eks: lab eks up). [LAB_ENGINE]")] = None,
    bundle: Annotated[Path | None, typer.Option(help="Take everything from this file, which lab bundle wrote.")] = None,
    allowed_signers: Annotated[
        Path | None,
        typer.Option(help="Of the bundle: who may have signed it (ssh-keygen(1)). [LAB_BUNDLE__ALLOWED_SIGNERS]"),
    ] = None,
    timings: Annotated[bool, typer.Option("--timings", help="End with the seconds of each phase.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the status as JSON at the end.")] = False,
) -> None:
    from lab import services, ui
    from lab.cli import context
    from lab.drill import under_way
    from lab.engine import remember
    from lab.engine.phases import run_phases
    from lab.paths import Paths

    flags: Layer = {"engine": engine} if engine else {}
    if allowed_signers:
        flags = {**flags, "bundle": {"allowed_signers": str(allowed_signers.absolute())}}
    if bundle:
        flags = {**flags, **from_bundle(bundle, flags)}
    chosen, why = context.engine(flags, new=True)
    started = time.monotonic()
    with context.exclusive("up"):
        ui.say(f"Engine: {chosen.name} ({why})")
        for line in chosen.before_up():
            ui.say(line)
        remember(Paths.of(), chosen.name)
        if under_way.was_interrupted(chosen.paths):
            ui.say("Restoring what an interrupted drill took away.")
            under_way.restore(chosen)
        with ui.live_list() as shown:
            took = run_phases(chosen.phases(), shown)
        access = chosen.access()
    seconds = time.monotonic() - started
    if timings:
        rows = sorted(took.seconds.items(), key=lambda item: -item[1])
        ui.table([[name, f"{value:.1f}"] for name, value in rows], ["phase", "seconds"])
    if as_json:
        phases = {name: round(value, 2) for name, value in took.seconds.items()}
        now = chosen.status()
        faults = [asdict(fault) for fault in now.import_errors]
        ui.data({"changed": sorted(phases), "phases": phases, "seconds": round(seconds, 2), "urls": now.urls,
                 "import_errors": faults})  # fmt: skip
        return
    if not took.seconds:
        ui.say(f"Nothing to do: the lab is up and healthy ({seconds:.1f} s).\n")
    else:
        ui.say(f"The lab is up ({seconds:.1f} s).\n")
    for port in sorted(services.ports().values(), key=lambda each: each.label):
        ui.say(f"  {port.label:<12}{services.addresses(access)[port.label]}   {port.note(access)}")
    warn_of_dags(access)
    ui.say("\nNext:  make lab-run      make a new data version")
    ui.say("       make lab-shell    a shell in which git, dvc, airflow and aws reach the lab")


def warn_of_dags(access: Access) -> None:
    """Name the DAG files that do not load: the lab is up, and the user has to correct them."""
    from lab import ui
    from lab.airflow.dag_errors import CORRECT
    from lab.engine.health import import_errors

    faults = import_errors(access)
    if not faults:
        return
    ui.say()
    for fault in faults:
        ui.say(f"warning: a DAG file does not load: {fault}")
    ui.hint(CORRECT)


def from_bundle(file: Path, flags: Layer) -> Layer:
    """Open the bundle: the settings that follow from it."""
    from lab import ui
    from lab.bundle.use import use
    from lab.cli import context
    from lab.paths import Paths

    paths, settings = Paths.of(), context.settings(flags)
    with context.exclusive("up"), ui.step("Opening the bundle", 300) as shown:
        return use(file.expanduser(), paths, settings, lambda text: shown.note("", text))
