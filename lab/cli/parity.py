"""`lab parity`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

WIDTH = 40


def register(app: typer.Typer) -> None:
    app.command(
        help="Every difference between the lab on kind and on Amazon EKS, each with its reason. Exit status 1 if one "
        "has none. Needs neither Docker nor AWS.",
        epilog="Example: lab parity --settings eks.toml",
    )(parity)


def parity(
    settings: Annotated[
        Path | None, typer.Option("--settings", help="An eks.toml; without it the sample that is shipped.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.errors import CheckFailedError
    from lab.parity.check import check
    from lab.parity.prepare import prepare
    from lab.paths import Paths

    paths = Paths.of()
    with ui.step("Comparing kind and EKS", 120) as shown:
        tools = prepare(paths, context.settings(), lambda text: shown.note("", text))
        shown.note("", "manifests, Airflow's chart, the DAG's pods")
        report = check(paths, tools, settings)
    unused = [] if settings else report.unused  # what the sample needs, others may do without
    rows = [{**asdict(found), "reason": reason} for found, reason in report.differences]
    if as_json:
        ui.data({"differences": rows, "unused": unused})
    else:
        for reason in dict.fromkeys(row["reason"] for row in rows):
            ui.output.print(f"{reason or '✗ not allowed:'}", style="bold", markup=False)
            ui.table(
                [
                    [row["where"], row["what"], short(row["kind"]), short(row["eks"])]
                    for row in rows
                    if row["reason"] == reason
                ],
                ["object", "field", "kind", "eks"],
            )
            ui.output.print()
    if report.faults:
        first = report.faults[0]
        raise CheckFailedError(
            f"{len(report.faults)} of {len(rows)} differences between kind and EKS are not in the list: "
            f"{' '.join(filter(None, (first.where, first.what)))}: kind {short(first.kind)}, eks {short(first.eks)}",
            "make both alike, or put the difference into k8s/parity.yaml with its reason (docs/parity.md)",
        )
    if unused:
        raise CheckFailedError(
            f"{len(unused)} patterns of k8s/parity.yaml stand for no difference: {unused[0]}",
            "take out what is not needed any more (docs/parity.md)",
        )
    ui.say(f"The DAG is the same on kind and on EKS; {len(rows)} differences around it, each with its reason.")


def short(value: str) -> str:
    """What fits into a table; --json has all of it."""
    return value if len(value) <= WIDTH else f"{value[: WIDTH - 1]}…"
