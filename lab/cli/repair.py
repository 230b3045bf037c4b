"""`lab repair`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import AsJson

if TYPE_CHECKING:
    from lab.lineage.repair import RepairOutcome


def register(app: typer.Typer) -> None:
    app.command(
        help="Restore in the bucket what the commits need and it lacks, from caches, volumes, or by replaying runs. "
        "Exit status 1 if something could not be restored.",
        epilog="Example: lab repair --from ~/mlops",
    )(repair)


def repair(
    folders: Annotated[
        list[Path] | None, typer.Option("--from", help="Search this folder too: a clone, a cache, a backup.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.errors import CheckFailedError, NotFoundError
    from lab.lineage.repair import repair as restore

    given = [folder.expanduser().absolute() for folder in folders or []]
    for folder in given:
        if not folder.is_dir():
            raise NotFoundError(f"there is no folder {folder}", "--from names a folder with files of the dataset")
    access = context.access()
    with context.exclusive("repair"), ui.step("Repairing", 3600) as shown:
        outcome = restore(access, given, lambda text: shown.note("", text))
    if as_json:
        ui.data(asdict(outcome))
    else:
        show(outcome)
    if outcome.lost:
        first = outcome.lost[0]
        many = ui.counted(len(outcome.lost), "object")
        raise CheckFailedError(
            f"{many} could not be restored: {first.key}{hit(first.versions)}: {first.reason}",
            "another clone's cache may have them: lab repair --from FOLDER (make lab-repair FROM=folder)",
        )


def show(outcome: RepairOutcome) -> None:
    from lab import ui

    for each in outcome.restored:
        ui.output.print(f"✓ restored {each.key}  from {each.source}", markup=False)
    for lost in outcome.lost:
        ui.output.print(f"✗ lost {lost.key}{hit(lost.versions)}\n    {lost.reason}", markup=False)
    for pointer in outcome.unreadable:
        ui.say(f"Cannot be read: {pointer}")
    if outcome.skipped_files:
        ui.say(f"{outcome.skipped_files} files or folders may not be read by this user, and were not searched.")
    if outcome.restored or outcome.lost:
        ui.say(f"{outcome.sound} intact, {len(outcome.restored)} restored, {len(outcome.lost)} lost.")
    else:
        ui.say(f"{ui.counted(outcome.sound, 'object')} checked: all intact.")


def hit(versions: list[str]) -> str:
    return f" (version {', '.join(versions)})" if versions else ""
