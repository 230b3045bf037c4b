"""`lab history`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import AsJson, Branch

if TYPE_CHECKING:
    from lab.lineage.difference import Difference
    from lab.lineage.explain import Explanation
    from lab.lineage.versions import DataVersion

HEADINGS = ["version", "time", "commit", "md5", "rows", "added", "size", "seconds", "dvc", "worker", "made by"]


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
            ui.table([line(each) for each in known], HEADINGS)
        return
    found = versions.find(known, version)
    from lab.lineage.explain import explain

    with ui.step("Reading the receipt and the rows", 600):
        explanation = explain(access, known, found)
    if as_json:
        ui.data(explanation.as_data())
    else:
        show(explanation)


def line(each: DataVersion) -> list[str]:
    """A version as a row of the table."""
    return [
        str(each.number), each.time[:19].replace("T", " "), each.commit[:10], (each.md5 or "unreadable")[:10],
        f"{each.rows:,}" if each.rows is not None else "", f"+{each.rows_added:,}" if each.rows_added else "",
        f"{each.size / 1e6:.1f} MB" if each.size else "",
        f"{sum(each.task_seconds.values()):.1f}" if each.task_seconds else "", each.dvc_version or "",
        short(each.worker or ""), made_by(each),
    ]  # fmt: skip


def made_by(each: DataVersion) -> str:
    return each.run_id or (f"seed {each.seed}" if each.seed is not None else f"by {each.author}")


def short(worker: str) -> str:
    """The first digits of the digest that ends `<image>@sha256:<digest>` or `environment <digest>`."""
    return worker.replace("@", " ").rpartition(" ")[2].removeprefix("sha256:")[:12]


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
