"""`lab gc`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import AsJson

if TYPE_CHECKING:
    from lab.lineage.garbage import Garbage, Survey


def register(app: typer.Typer) -> None:
    app.command(
        name="gc",
        help="List the objects of the bucket that no commit of any branch or tag names; --delete removes them.",
        epilog="Example: lab gc --delete --older-than 0",
    )(collect)


def collect(
    delete: Annotated[bool, typer.Option("--delete", help="Remove them; never what an active run may need.")] = False,
    older_than: Annotated[int, typer.Option(min=0, help="Leave alone what is younger than these minutes.")] = 60,
    as_json: AsJson = False,
) -> None:
    from datetime import timedelta

    from lab import ui
    from lab.cli import context
    from lab.lineage import garbage

    access, age = context.access(), timedelta(minutes=older_than)
    with ui.step("Looking for garbage", 600) as shown:
        found = garbage.survey(access, age, lambda text: shown.note("", text))
    removed: list[Garbage] = []
    if not as_json:
        show(found)
    if delete:
        with context.exclusive("gc"), ui.step("Removing garbage", 600) as shown:
            removed = garbage.collect(access, found, age, lambda text: shown.note("", text))
    if as_json:
        gone = {each.key for each in removed}
        listed = [{**asdict(each), "removed": each.key in gone} for each in found.garbage]
        ui.data({"garbage": listed, "needed": found.needed, "unreadable": found.unreadable,
                 "active_runs": found.active_runs})  # fmt: skip
    else:
        ui.say(summary(found, removed, delete=delete))


def show(found: Survey) -> None:
    from lab import ui

    rows = [[each.key, each.kind, f"{each.size:,}", age_of(each.age_seconds), each.kept] for each in found.garbage]
    if rows:
        ui.table(rows, ["object", "kind", "bytes", "age", "stays, because"])
    for pointer in found.unreadable:
        ui.say(f"Cannot be read: {pointer}")


def age_of(seconds: float) -> str:
    """The age in its largest unit."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def summary(found: Survey, removed: list[Garbage], *, delete: bool) -> str:
    """What was found, what was done, and what to do next."""
    from lab import ui

    if not found.garbage:
        return f"No garbage: every object is named by a commit ({ui.counted(found.needed, 'md5')} in all)."
    if delete:
        stay = len(found.garbage) - len(removed)
        told = f"Removed {ui.counted(len(removed), 'object')}, {sum(each.size for each in removed) / 1e6:.1f} MB."
        return f"{told} {stay} stay." if stay else told
    size = sum(each.size for each in found.garbage)
    listed = ui.counted(len(found.garbage), "object")
    told = f"{listed}, {size / 1e6:.1f} MB, that no commit names; {len(found.removable)} may go."
    return f"{told}\n\nNext:  make lab-gc DELETE=1" if found.removable else told
