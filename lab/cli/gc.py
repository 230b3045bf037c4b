"""`lab gc`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lab.cli.options import AsJson

if TYPE_CHECKING:
    from lab.lineage.garbage import Collected, Survey


def register(app: typer.Typer) -> None:
    app.command(
        name="gc",
        help="List the objects of the bucket that no commit of any branch or tag names. --delete moves them to the "
        "quarantine, deletes what has been there for some days, and restores what a commit names again.",
        epilog="Example: lab gc --delete --older-than 0",
    )(collect)


def collect(
    delete: Annotated[
        bool, typer.Option("--delete", help="Quarantine them, then delete them; never what an active run may need.")
    ] = False,
    older_than: Annotated[int, typer.Option(min=0, help="Leave what is younger than this many minutes.")] = 60,
    quarantine_days: Annotated[
        int | None,
        typer.Option(
            min=0, max=3650, help="Keep them in the quarantine for this many days (the setting gc.quarantine_days)."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    from datetime import timedelta

    from lab import ui
    from lab.cli import context
    from lab.lineage import garbage

    access = context.access()
    days = access.settings.gc.quarantine_days if quarantine_days is None else quarantine_days
    limits = garbage.Limits(timedelta(minutes=older_than), timedelta(days=days))
    with ui.step("Looking for garbage", 600) as shown:
        found = garbage.survey(access, limits, lambda text: shown.note("", text))
    done = garbage.Collected()
    if not as_json:
        show(found)
    if delete:
        with context.exclusive("gc"), ui.step("Collecting garbage", 3600) as shown:
            done = garbage.collect(access, found, limits, lambda text: shown.note("", text))
    if as_json:
        ui.data(as_data(found, done))
    else:
        ui.say(summary(found, done, delete=delete))


def as_data(found: Survey, done: Collected) -> dict[str, Any]:
    deleted = {each.key for each in done.deleted}
    return {
        "garbage": [{**asdict(each), "quarantined": each.key in done.quarantined} for each in found.garbage],
        "quarantine": [
            {
                **asdict(each.held), "kind": each.kind, "md5": each.md5, "named": each.named, "kept": each.kept,
                "restored": each.original in done.restored, "deleted": each.key in deleted,
            }
            for each in found.quarantined
        ],
        "needed": len(found.names),
        "unreadable": found.unreadable,
        "active_runs": found.active_runs,
    }  # fmt: skip


def show(found: Survey) -> None:
    from lab import ui

    rows = [[each.key, each.kind, f"{each.size:,}", age_of(each.age_seconds), each.kept] for each in found.garbage]
    if rows:
        ui.table(rows, ["object", "kind", "bytes", "age", "stays, because"])
    held = [[each.key, each.kind, f"{each.held.size:,}", state(each.named, each.kept)] for each in found.quarantined]
    if held:
        ui.table(held, ["in the quarantine", "kind", "bytes", "stays"])
    for pointer in found.unreadable:
        ui.say(f"Cannot be read: {pointer}")


def state(named: bool, kept: str) -> str:
    return "a commit names it: it is restored" if named else kept or "no longer"


def age_of(seconds: float) -> str:
    """The age in its largest unit."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def summary(found: Survey, done: Collected, *, delete: bool) -> str:
    """What was found, what was done, and what to do next."""
    from lab import ui

    named = sum(each.named for each in found.quarantined)
    if not found.garbage and not found.quarantined:
        return f"No unreferenced objects ({ui.counted(len(found.names), 'md5')} checked)."
    if delete:
        sizes = {each.key: each.size for each in found.garbage}
        moved = sum(sizes.get(key, 0) for key in done.quarantined)
        stay = len(found.garbage) - len(done.quarantined)
        kept = [f"{ui.counted(stay, 'object')} kept; the table says why."] if stay else []
        if not (done.quarantined or done.restored or done.deleted):
            return " ".join(["Nothing removed.", *kept])
        return " ".join(
            [
                f"{ui.counted(len(done.quarantined), 'object')} quarantined, {moved / 1e6:.1f} MB;",
                f"{len(done.restored)} restored, {len(done.deleted)} deleted from the quarantine.",
                *kept,
            ]
        )
    size = sum(each.size for each in found.garbage)
    listed = ui.counted(len(found.garbage), "object")
    text = f"{listed}, {size / 1e6:.1f} MB, that no commit names; {len(found.removable)} may go to the quarantine."
    text += f" {len(found.quarantined)} in the quarantine: {len(found.expired)} to delete, {named} to restore."
    return f"{text}\n\nNext:  make lab-gc DELETE=1" if found.removable or found.expired or named else text
