"""The command line: `lab <command>`. One file per command; this one lists them and turns errors into exit codes."""

from __future__ import annotations

import os
import sys

import typer

from lab.cli import bench, doctor, down, history, install, lock, logs, reproduce, run, shell, status, up, verify
from lab.errors import LabError

app = typer.Typer(
    name="lab",
    help="A local-first, reproducible MLOps lab: Airflow, DVC, S3 and Git, wired together.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (up, down, status, run, history, verify, reproduce, logs, doctor, shell, install, bench, lock):
    module.register(app)

INTERRUPTED = 130


def main() -> None:
    """Run a command; every error is told once, here."""
    from lab import ui
    from lab.pipeline.errors import PipelineError

    try:
        app()
    except LabError as error:
        ui.tell(error)
        if os.environ.get("LAB_TRACEBACK"):
            raise
        sys.exit(error.exit_code)
    except PipelineError as error:  # of Git or a dataset; its own exit codes are those of a task
        ui.tell(LabError(error.message, error.hint))
        sys.exit(LabError.exit_code)
    except SystemExit as ended:  # what typer makes of everything else, Ctrl-C included
        if ended.code != INTERRUPTED:
            raise
        ui.say("interrupted; nothing is lost, the same command goes on from here")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(INTERRUPTED)  # threads of phases under way must not hold the terminal
