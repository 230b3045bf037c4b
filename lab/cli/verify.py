"""`lab verify`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import AsJson, Branch

if TYPE_CHECKING:
    from lab.lineage.verify import Verdict


def register(app: typer.Typer) -> None:
    app.command(
        help="Check every data version from a fresh clone: pointer, object, data, receipt, run. "
        "Exit status 1 on a fault.",
        epilog="Example: lab verify --json",
    )(verify)


def verify(
    version: Annotated[str | None, typer.Argument(help="Check this version only.")] = None,
    branch: Branch = "main",
    as_json: AsJson = False,
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.errors import CheckFailedError
    from lab.lineage.verify import verify as verify_versions

    access = context.access()
    with ui.step("Verifying", 3600) as shown:
        verdicts = verify_versions(access, version, lambda text: shown.note("", text), branch)
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
        names = f" ({ranges([verdict.version.number for verdict in broken])})" if len(broken) > 1 else ""
        first = f"version {broken[0].version.number}: {broken[0].problems[0]}"
        raise CheckFailedError(
            f"{len(broken)} of {len(verdicts)} data versions failed verification{names}: {first}", hint(verdicts)
        )
    ui.say(f"All data versions verified ({len(verdicts)} checked).")


def ranges(numbers: list[int]) -> str:
    """Rising numbers in short: `1, 3-5`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ", ".join("-".join(map(str, part)) for part in parts)


def hint(verdicts: list[Verdict]) -> str:
    """What to do: what the bucket lacks may be available elsewhere."""
    damaged = any("object files" in problem or "receipt" in problem for each in verdicts for problem in each.problems)
    if damaged:
        return "make lab-repair restores what the quarantine, caches, volumes and replays still have"
    return "make lab-history VERSION=<number> shows what made a version"
