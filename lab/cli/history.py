"""`lab history`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command(help="List the data versions, or show one.", epilog="Example: lab history 3")(history)


def history(
    version: Annotated[
        str | None, typer.Argument(help="A number, `latest`, a run, or the start of a commit or md5.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.lineage import versions

    with versions.fresh_clone(context.access()) as clone:
        known = versions.read(clone)
    if version is not None:
        found = versions.find(known, version)
        if as_json:
            ui.data(asdict(found))
        else:
            ui.table(
                [[k.replace("_", " "), str(v)] for k, v in asdict(found).items() if v not in {None, ""}],
                ["", ""],
            )
        return
    if as_json:
        ui.data([asdict(each) for each in known])
        return
    rows = [
        [
            str(each.number), each.time[:19].replace("T", " "), each.commit[:10], (each.md5 or "unreadable")[:10],
            f"{each.rows:,}" if each.rows is not None else "", f"+{each.rows_added:,}" if each.rows_added else "",
            f"{each.size / 1e6:.1f} MB" if each.size else "",
            each.run_id or (f"seed {each.seed}" if each.seed is not None else f"by {each.author}"),
        ]
        for each in known
    ]  # fmt: skip
    ui.table(rows, ["version", "time", "commit", "md5", "rows", "added", "size", "made by"])
