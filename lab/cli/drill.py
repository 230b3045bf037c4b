"""`lab drill`."""

from __future__ import annotations

import signal
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lab.drill.plan import Round
    from lab.drill.run import DrillReport


def register(app: typer.Typer) -> None:
    app.command(
        help="Run the pipeline while its processes are killed and its services are away; then check that each run made "
        "one data version or none. Works on its own branch. Exit status 1 if a promise broke.",
        epilog="Example: lab drill --rounds 6 --seed 7",
    )(drill)


def drill(
    rounds: Annotated[int, typer.Option(min=1, max=10_000, help="Runs, each with one fault.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same faults at the same moments.")] = 1,
    *,
    first: Annotated[int, typer.Option(min=1, help="The round to begin with: those before it are left out.")] = 1,
    at_once: Annotated[int, typer.Option(min=1, max=16, help="Rounds that run in parallel.")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the branch, also if all went well.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Print what would be done, and do nothing.")] = False,
    restore: Annotated[bool, typer.Option("--restore", help="Restore what an interrupted drill took away.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each round and each check as JSON.")] = False,
) -> None:
    from lab import ui
    from lab.cli import INTERRUPTED, context
    from lab.drill import plan as plans
    from lab.drill import under_way
    from lab.drill.run import run

    if first > rounds:
        raise typer.BadParameter(f"round {first} is not one of {rounds}", param_hint="--first")
    planned = plans.make(seed, rounds)[first - 1 :]
    if plan:
        show_plan(planned, as_json=as_json)
        return
    chosen, _ = context.engine()
    access = chosen.access()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: services that are away are restored first
    with context.exclusive("drill"):
        if restore or under_way.was_interrupted(chosen.paths):
            with ui.step("Restoring what an earlier drill took away", 120):
                under_way.restore(chosen)
        if restore:
            return
        try:
            report = run(access, under_way.injector_of(chosen), planned, seed, at_once=at_once, keep=keep)
        except KeyboardInterrupt as interrupt:  # reported already, with how to continue
            raise typer.Exit(INTERRUPTED) from interrupt
    show(report, as_json=as_json)


def show_plan(planned: list[Round], *, as_json: bool) -> None:
    from lab import ui
    from lab.drill import report

    if as_json:
        ui.data([asdict(each) for each in planned])
    else:
        ui.table(report.plan_rows(planned), report.PLAN_HEADINGS)


def show(found: DrillReport, *, as_json: bool) -> None:
    """The table, then each promise.

    Raises:
        CheckFailedError: one broke.
    """
    from lab import ui
    from lab.drill import report
    from lab.errors import CheckFailedError

    if as_json:
        ui.data(report.as_data(found.seed, found.branch, found.usual, found.outcomes, found.checks))
    else:
        ui.table(report.rows(found.outcomes), report.HEADINGS)
        ui.output.print()
        for each in found.checks:
            ui.output.print(f"{'✗' if each.problems else '✓'} {each.promise}", markup=False)
            for problem in each.problems:
                ui.output.print(f"    {problem}", markup=False)
    for outcome in found.outcomes:
        if outcome.state == "failed":
            ui.say(f"Round {outcome.round.number} failed: {outcome.note} (make lab-logs RUN={outcome.run_id})")
    if found.kept:
        ui.say(f"The branch {found.branch} is kept.")
    if found.broken:
        first = found.broken[0]
        raise CheckFailedError(
            f"{len(found.broken)} of {len(found.checks)} promises broke: {first.promise}: {first.problems[0]}",
            f"the branch {found.branch} has all versions; make lab-logs RUN=<run> shows what a run did",
        )
    ui.say(f"All {len(found.checks)} promises were kept.")
