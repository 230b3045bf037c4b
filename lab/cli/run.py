"""`lab run`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import Dataset

if TYPE_CHECKING:
    from lab.lineage.start import Result


def register(app: typer.Typer) -> None:
    app.command(
        help="Start the pipeline, show each task live, and print the new data version.",
        epilog="Example: lab run --rows 100",
    )(run)


def run(
    rows: Annotated[
        int | None, typer.Option(min=0, max=1_000_000, help="Synthetic employees to append. [default: the DAG's, 1]")
    ] = None,
    dataset: Dataset = None,
    branch: Annotated[str | None, typer.Option(help="Another branch to read and to push to.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Seconds to wait for the run at most.")] = 600,
    as_json: Annotated[bool, typer.Option("--json", help="Print the data version as JSON.")] = False,
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.lineage.start import run_pipeline

    parameters = {"rows": rows, "dataset": dataset, "branch": branch}
    result = run_pipeline(context.access(), {k: v for k, v in parameters.items() if v is not None}, limit)
    show_result(result, as_json=as_json)
    if result.version and not as_json:
        option = f" BRANCH={branch}" if branch else ""
        ui.say(f"Next:  make lab-history{option}   make lab-verify{option}")


def show_result(result: Result, *, as_json: bool) -> None:
    """What a run came to, as a table or as JSON."""
    from lab import ui

    version = result.version
    if as_json:
        ui.data({**asdict(result), "version": asdict(version) if version else None})
        return
    if version is None:
        ui.say(f"\nNo new data version: the run added no rows ({result.seconds:.1f} s).")
        return
    tasks = ", ".join(f"{name} {seconds:.1f}" for name, seconds in result.task_seconds.items())
    before = (version.rows or 0) - (version.rows_added or 0)
    ui.say(f"\nData version {version.number}: {version.subject.removeprefix('Data version: ')}")
    ui.table(
        [
            ["commit", version.commit],
            ["md5", version.md5 or ""],
            ["object", result.object_url],
            ["rows", f"{before:,} → {version.rows:,}"],
            ["run", version.run_id or ""],
            *([["DAG code", result.dag_commit]] if result.dag_commit else []),
            ["seconds", f"{result.seconds:.1f} in all ({tasks})"],
        ],
        ["", ""],
    )
