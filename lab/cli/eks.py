"""`lab eks`: plan, up, down and run on Amazon EKS."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lab.cli.options import Dataset

if TYPE_CHECKING:
    from lab.engine.eks.place import Place
    from lab.engine.eks.plan import Plan
    from lab.errors import LabError

File = Annotated[Path | None, typer.Option("--file", help="The settings. [default: eks.toml]", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="The lab on Amazon EKS. Without a command: the plan, which changes nothing.",
        epilog="Example: lab eks plan",
        invoke_without_command=True,
    )
    group.callback()(eks)
    group.command(
        help="Show every resource to be made, changed or deleted; nothing is changed.",
        epilog="Example: lab eks plan --json",
    )(plan)
    group.command(
        help="Make what the plan says, or continue where an earlier attempt stopped.",
        epilog="Example: lab eks up",
    )(up)
    group.command(
        help="Delete what carries the lab's tag. A bucket that holds objects stays, unless it is named.",
        epilog="Example: lab eks down --cluster mlops-lab --delete-bucket mlops-lab-111122223333",
    )(down)
    group.command(
        help="Start the pipeline there, show each task live, and print the new data version.",
        epilog="Example: lab eks run --rows 100",
    )(run)
    app.add_typer(group, name="eks")


def place_of(file: Path | None) -> Place:
    from lab.engine.eks.place import Place
    from lab.engine.eks.settings import FILE, load
    from lab.paths import Paths

    paths = Paths.of()
    return Place(load(file or paths.source / FILE), paths)


def eks(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        plan()


def plan(
    file: File = None,
    deletion: Annotated[bool, typer.Option("--down", help="What down would delete.")] = False,
    as_json: AsJson = False,
) -> None:
    from lab import ui
    from lab.engine.eks.plan import plan_down, plan_up

    place = place_of(file)
    found = plan_down(place) if deletion else plan_up(place)
    if as_json:
        ui.data(as_data(place, found))
    else:
        show(place, found)
    if found.refused:
        raise found.refused[0]
    if not as_json:
        ui.say("\nNext:  make eks-down" if deletion else "\nNext:  make eks-up")


def show(place: Place, found: Plan) -> None:
    """Headline, table, what was not checked, what is missing."""
    from lab import ui

    settings = place.settings
    ui.say(f"Cluster {settings.cluster.name}, region {settings.region}, account {settings.account}")
    rows = [[s.resource, s.name, s.action if s.checked else f"{s.action}?", s.why] for s in found.steps]
    ui.table(rows, ["resource", "name", "action", "why"])
    for heading, troubles in (("Not checked", found.unchecked), ("Missing for eks-up", found.lacking)):
        for trouble in troubles:
            ui.say(f"{heading}: {trouble.message}" + (f" ({trouble.hint})" if trouble.hint else ""))
    ui.say(summary(found))


def summary(found: Plan) -> str:
    words = {"make": "to make", "change": "to change", "delete": "to delete", "keep": "to leave as they are",
             "refuse": "refused"}  # fmt: skip
    counted = [f"{found.count(action)} {word}" for action, word in words.items() if found.count(action)]
    return f"Plan: {', '.join(counted) or 'nothing is there'}."


def as_data(place: Place, found: Plan) -> dict[str, Any]:
    settings = place.settings
    return {
        "account": settings.account,
        "region": settings.region,
        "cluster": settings.cluster.name,
        "steps": [asdict(step) for step in found.steps],
        "not_checked": [as_dict(error) for error in found.unchecked],
        "missing": [as_dict(error) for error in found.lacking],
    }


def as_dict(error: LabError) -> dict[str, str]:
    return {"message": error.message, "hint": error.hint}


def up(
    file: File = None,
    until: Annotated[str, typer.Option(help="Only this kind of resource and what it needs: cluster, say.")] = "",
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.engine.eks import bring_up

    place = place_of(file)
    with context.exclusive("eks up"), ui.live_list() as shown:
        took = bring_up.up(place, shown, until)
    name = place.settings.cluster.name
    if until:
        ui.say(f"Made: {until} and what it needs ({sum(took.seconds.values()):.0f} s of work).\n\nNext:  make eks-up")
        return
    if not took.seconds:
        ui.say(f"Nothing to do: the lab is on EKS, in the cluster {name}.")
    else:
        ui.say(f"The lab is on EKS, in the cluster {name} ({sum(took.seconds.values()):.0f} s of work).")
    ui.say("\nNext:  make eks-run      make a new data version there")
    ui.say("       make eks-down     delete it; the bucket stays while it holds objects")


def down(
    file: File = None,
    cluster: Annotated[str | None, typer.Option(help="The cluster's name, for scripts: nothing is asked.")] = None,
    delete_bucket: Annotated[str, typer.Option(help="Delete this bucket with all that it holds.")] = "",
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.engine.eks import bring_up
    from lab.engine.eks.plan import plan_down
    from lab.errors import SettingsError

    place = place_of(file)
    bucket = place.settings.storage.bucket
    if delete_bucket not in {"", bucket}:
        raise SettingsError(f"{delete_bucket!r} is not the bucket in eks.toml", f"nothing was deleted; it is {bucket}")
    if cluster is not None:
        bring_up.require_name(place, cluster)
    with context.exclusive("eks down"):
        found = plan_down(place, delete_bucket)
        show(place, found)
        if not found.count("delete"):
            ui.say("Nothing to do.")
            return
        if cluster is None:
            bring_up.require_name(place, ask())
        with ui.live_list() as shown:
            bring_up.down(place, found, delete_bucket, shown)
    ui.say("Deleted.")


def ask() -> str:
    """The cluster's name, as the user types it."""
    if not sys.stdin.isatty():
        raise typer.BadParameter("standard input is not a terminal: give the cluster's name by --cluster")
    return str(typer.prompt("Type the cluster's name to delete all this", err=True))


def run(
    *,
    file: File = None,
    rows: Annotated[
        int | None, typer.Option(min=0, max=1_000_000, help="Synthetic employees to append. [default: the DAG's, 1]")
    ] = None,
    dataset: Dataset = None,
    branch: Annotated[str | None, typer.Option(help="Another branch to read and to push to.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Seconds to wait for the run at most.")] = 1200,
    as_json: AsJson = False,
) -> None:
    from lab.cli.run import show_result
    from lab.config import Settings
    from lab.engine.eks.engine import EksEngine
    from lab.lineage.start import run_pipeline
    from lab.paths import Paths

    parameters = {"rows": rows, "dataset": dataset, "branch": branch}
    given = {name: value for name, value in parameters.items() if value is not None}
    engine = EksEngine(Paths.of(), Settings(), file)
    with closing(engine):
        show_result(run_pipeline(engine.access(), given, limit), as_json=as_json)
