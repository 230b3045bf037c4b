"""`lab shell`."""

from __future__ import annotations

import os
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command(
        help="A shell, or one command, in which git, dvc, airflow and aws reach the lab.",
        epilog="Example: lab shell -- aws s3 ls",
        context_settings={"ignore_unknown_options": True},
    )(shell)


def shell(
    command: Annotated[list[str] | None, typer.Argument(help="A command to run there instead.")] = None,
) -> None:
    import shutil

    from lab import ui
    from lab.cli import context
    from lab.errors import ProgramError
    from lab.paths import Paths

    chosen, _ = context.engine()
    path = f"{Paths.of().bin}:{os.environ['PATH']}"
    # The lab's programs keep their bytecode below .lab/, as its services do.
    bytecode = {"PYTHONPYCACHEPREFIX": str(Paths.of().cache / "bytecode")}
    environment = {**chosen.shell_environment(), **bytecode, "PATH": path}
    if not command:
        ui.say("git, dvc, airflow, aws and lab reach the lab from this shell; `exit` leaves it.")
        ui.say('Try:  git clone "$PIPELINE_REPOSITORY" /tmp/mlops && cd /tmp/mlops && dvc pull')
        command = [os.environ.get("SHELL") or "/bin/sh"]
    program = shutil.which(command[0], path=environment["PATH"])
    if program is None:
        raise ProgramError(f"{command[0]}: no such program")
    os.execve(program, command, environment)  # noqa: S606 - the command is to become the user's shell
