"""`lab history`."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import AsJson, Branch

if TYPE_CHECKING:
    from lab.lineage.difference import Difference
    from lab.lineage.explain import Explanation
    from lab.lineage.versions import DataVersion

HEADINGS = ["version", "time", "commit", "rows", "added", "made by"]


def register(app: typer.Typer) -> None:
    app.command(
        help="List the data versions; or show one, with its receipt and the rows in which it differs from its base.",
        epilog="Example: lab history 3",
    )(history)


def history(
    version: Annotated[
        str | None, typer.Argument(help="A number, `latest`, a run, or the start of a commit or md5.")
    ] = None,
    branch: Branch = "main",
    as_json: AsJson = False,
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.lineage import versions

    access = context.access()
    known = versions.of_branch(access, branch)
    if version is None:
        if as_json:
            ui.data([asdict(each) for each in known])
        else:
            ui.table(*overview(known))
        return
    found = versions.find(known, version)
    from lab.lineage.explain import explain

    with ui.step("Reading the receipt and the rows", 600):
        explanation = explain(access, known, found)
    if as_json:
        ui.data(explanation.as_data())
    else:
        show(explanation)


def overview(known: list[DataVersion]) -> tuple[list[list[str]], list[str]]:
    """One row for each version, of at most 80 columns, and the headings; the dataset where there are several."""
    several = len({each.path for each in known}) > 1
    rows = [[*line(each), *([each.path] if several else [])] for each in known]
    return rows, [*HEADINGS, *(["dataset"] if several else [])]


def line(each: DataVersion) -> list[str]:
    return [
        str(each.number), each.time[:16].replace("T", " "), each.commit[:8],
        "unreadable" if each.md5 is None else f"{each.rows:,}" if each.rows is not None else "",
        f"+{each.rows_added:,}" if each.rows_added else "",
        made_by(each),
    ]  # fmt: skip


def made_by(each: DataVersion) -> str:
    """`manual 08:59:30` for a run with an id of Airflow's, else the id; or the seed, or the author."""
    if each.run_id is None:
        return f"seed {each.seed}" if each.seed is not None else f"by {each.author}"
    kind, _, moment = each.run_id.partition("__")
    clock = re.match(r"\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)", moment)
    return f"{kind} {clock[1]}" if clock else each.run_id


def show(explanation: Explanation) -> None:
    """The version's commit, its receipt, its rows."""
    from lab import ui

    fields = asdict(explanation.version)
    fields["task_seconds"] = ", ".join(f"{k} {v}" for k, v in (explanation.version.task_seconds or {}).items())
    ui.table([[k.replace("_", " "), str(v)] for k, v in fields.items() if v not in {None, ""}], ["", ""])
    ui.output.print("\nReceipt" if explanation.receipt is not None else "\nNo receipt")
    if explanation.receipt is not None:
        ui.table([list(pair) for pair in flat(explanation.receipt)], ["", ""])
    for problem in explanation.receipt_problems:
        ui.output.print(f"✗ {problem}", markup=False)
    base = explanation.base
    against = f"Rows against version {base.number}" if base else "Rows: no version of this dataset is before it"
    ui.output.print(f"\n{against}")
    if explanation.difference:
        for line in lines(explanation.difference):
            ui.output.print(line, markup=False)
    if explanation.unread:
        ui.output.print(f"✗ {explanation.unread}", markup=False)


def flat(value: object, name: str = "") -> list[tuple[str, str]]:
    """A receipt, which may hold anything, as lines: `run id`, `tasks push_data seconds`."""
    from lab.pipeline.log import printable

    if not isinstance(value, dict):
        return [(printable(name), printable(str(value)))] if value not in (None, "") or not name else []
    return [pair for key, inner in value.items() for pair in flat(inner, f"{name} {key}".strip())]


def lines(found: Difference) -> list[str]:
    """How many rows were added, removed and changed, with the first few."""
    result = [f"+{found.added:,} added  -{found.removed:,} removed  ~{found.changed:,} changed"]
    if found.columns:
        result.append(f"columns that only one of them has: {', '.join(found.columns)}")
    for mark, numbers, count in (("+", found.first_added, found.added), ("-", found.first_removed, found.removed)):
        more = " …" if count > len(numbers) else ""
        if numbers:
            result.append(f"{mark} Employee ID {', '.join(map(str, numbers))}{more}")
    for row in found.first_changed:
        values = ", ".join(f"{name} {before} → {after}" for name, (before, after) in row["values"].items())
        result.append(f"~ Employee ID {row['id']}: {values}")
    if found.changed > len(found.first_changed):
        result.append("~ …")
    return [*result, f"✗ {found.fault}"] if found.fault else result
