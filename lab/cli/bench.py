"""`lab bench`."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command(
        help="Measure the lab in its own checkout, and the usual way; print a table and keep it (minutes).",
        epilog="Example: lab bench warm run",
    )(bench)


def bench(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(
            help="Some of cold, warm, run, plain, memory, many, lineage, modify, kind-up, kind-run, kind-memory, "
            "kind-identity, kind-many. "
            "[default: all]",
            show_default=False,
        ),
    ] = None,
    only: Annotated[str | None, typer.Option(help="The same, between commas.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="How often lab-run and the plain way are measured.")] = 5,
    gigabytes: Annotated[float, typer.Option(min=0.001, max=100, help="Size of modify's CSV.")] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    from lab import ui
    from lab.bench import plan, table
    from lab.paths import Paths

    paths = Paths.of()
    names = [*(scenarios or []), *([] if only is None else [only])]
    chosen = plan.select(names) if names else plan.all_possible(paths)
    results, machine = plan.bench(paths, plan.BenchPlan(chosen, runs, gigabytes))
    kept = table.store(paths.bench, results.figures, machine)
    if as_json:
        ui.data(table.as_data(results.figures, machine))
    else:
        ui.table(table.rows(results.figures), table.HEADINGS)
        ui.output.print(f"\n{machine.line()}", markup=False)
    ui.say(f"Kept as {kept.relative_to(paths.source)}, and as latest.md next to it.")
