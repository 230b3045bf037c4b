"""`lab secrets`: list and rotate."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="The lab's generated secrets. Without a command: the list, which shows no value.",
        epilog="Example: lab secrets rotate git-password",
        invoke_without_command=True,
    )
    group.callback()(secrets)
    group.command(
        name="list",
        help="List the secrets of this lab: what each does, since when it has its value, and its file.",
        epilog="Example: lab secrets list --json",
    )(show)
    group.command(
        help="Replace secrets by new ones, without losing data, and restart what uses them.",
        epilog="Example: lab secrets rotate airflow-password git-password",
    )(rotate)
    app.add_typer(group, name="secrets")


def secrets(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        show()


def show(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    from lab import ui
    from lab.cli import context
    from lab.secrets import LASTING, PURPOSES, Secrets

    engine, _ = context.engine()
    known = Secrets(engine.paths.secrets)
    rows = []
    for name in engine.secret_names():
        file = known.file(name)
        since = datetime.fromtimestamp(file.stat().st_mtime).astimezone() if file.exists() else None
        rows.append(
            {
                "name": name,
                "purpose": PURPOSES[name],
                "since": since.isoformat(timespec="seconds") if since else None,
                "file": str(file.relative_to(engine.paths.source)),
                "rotates": name not in LASTING,
            }
        )
    if as_json:
        ui.data(rows)
        return
    times = [str(row["since"] or "not made yet")[:16].replace("T", " ") for row in rows]
    table = [[str(row["name"]), when, str(row["purpose"])] for row, when in zip(rows, times, strict=True)]
    ui.table(table, ["secret", "since", "what it does"])


def rotate(
    names: Annotated[list[str] | None, typer.Argument(help="Which ones. Default: all that can be replaced.")] = None,
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.engine.phases import run_phases

    chosen, _ = context.engine()
    wanted = which(chosen.secret_names(), names or [])
    with context.exclusive("secrets rotate"):
        with ui.step(f"Rotating {ui.counted(len(wanted), 'secret')}", 900) as shown:
            up_again = chosen.rotate(wanted, lambda text: shown.note("", text))
        if up_again:
            with ui.live_list() as phases:
                run_phases(chosen.phases(), phases)
    ui.say(f"New: {', '.join(wanted)}. The files in {chosen.paths.secrets} hold them.")
    ui.say("A run that was under way tries its step again.")


def which(known: list[str], names: list[str]) -> list[str]:
    """The secrets to replace.

    Raises:
        NotFoundError: the engine has no secret of that name.
        SettingsError: one is not replaced without losing data.
    """
    from lab.errors import NotFoundError, SettingsError
    from lab.secrets import LASTING

    for name in names:
        if name not in known:
            raise NotFoundError(f"the lab has no secret {name!r}", f"secrets: {', '.join(known)}")
        if name in LASTING:
            raise SettingsError(f"{name} cannot be rotated: {LASTING[name]}", "leave it out")
    return [name for name in known if (name in names if names else name not in LASTING)]
