"""`lab verify`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command(
        help="Check every data version from a fresh clone: pointer, object, data, run. Exit status 1 on a fault.",
        epilog="Example: lab verify --json",
    )(verify)


def verify(
    version: Annotated[str | None, typer.Argument(help="Check this version only.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.errors import CheckFailedError
    from lab.lineage.verify import verify as verify_versions

    access = context.access()
    with ui.step("Verifying", 3600) as shown:
        verdicts = verify_versions(access, version, lambda text: shown.note("", text))
    broken = [verdict for verdict in verdicts if verdict.problems]
    if as_json:
        ui.data([asdict(verdict) for verdict in verdicts])
    else:
        for verdict in verdicts:
            each = verdict.version
            mark = "✗" if verdict.problems else "✓"
            ui.output.print(
                f"{mark} version {each.number}  {each.commit[:10]}  md5 {each.md5}  {each.path}", markup=False
            )
            for problem in verdict.problems:
                ui.output.print(f"    {problem}", markup=False)
    if broken:
        names = ", ".join(str(verdict.version.number) for verdict in broken)
        first = broken[0].problems[0]
        raise CheckFailedError(
            f"{len(broken)} of {len(verdicts)} data versions are not what they say: version {names}: {first}",
            "make lab-history VERSION=<number> shows what made a version",
        )
    ui.say(f"All {len(verdicts)} data versions are what their commits say.")
