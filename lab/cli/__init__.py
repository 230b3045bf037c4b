"""The command line: `lab <command>`. One file per command; this one lists them and turns errors into exit codes."""

from __future__ import annotations

import os
import sys

import typer

from lab.cli import (
    audit,
    bench,
    bundle,
    doctor,
    down,
    drill,
    eks,
    gc,
    history,
    images,
    install,
    lock,
    logs,
    notice,
    parity,
    repair,
    report,
    reproduce,
    run,
    secrets,
    shell,
    status,
    up,
    verify,
)
from lab.cli.opened import opened
from lab.errors import CheckFailedError, LabError, ServiceError, StoppedError

app = typer.Typer(
    name="lab",
    help="A local-first, reproducible MLOps lab: Airflow, DVC, S3 and Git, wired together.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich alone takes longer than everything else of `lab --help`
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    up,
    down,
    status,
    run,
    history,
    verify,
    reproduce,
    report,
    repair,
    gc,
    logs,
    doctor,
    shell,
    secrets,
    install,
    images,
    bundle,
    eks,
    parity,
    audit,
    drill,
    bench,
    lock,
    notice,
):
    module.register(app)
INTERRUPTED, USAGE = 130, 2
# Click's UsageError, which Typer carries under a private name.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]


@app.callback()
def help_without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(USAGE)


def list_whole_help(group: typer.Typer) -> None:
    """List the commands of a group with their whole help; Click cuts off what is no short help."""
    for command in group.registered_commands:
        command.short_help = command.help
    for each in group.registered_groups:
        if each.typer_instance:
            each.typer_instance.info.short_help = each.typer_instance.info.help
            list_whole_help(each.typer_instance)


list_whole_help(app)


def main() -> None:
    """Run a command; every error is shown once, here."""
    from lab.paths import Paths, protect_home
    from lab.pipeline.errors import PipelineError
    from lab.pipeline.git import GitError

    try:
        protect_home(Paths.of().home)
        with opened:
            status = app(prog_name="lab", standalone_mode=False) or 0
        if status == INTERRUPTED:  # what Typer makes of Ctrl-C
            interrupted()
        sys.exit(status)
    except UsageError as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "lab"
        message = error.format_message().rstrip(".")  # type: ignore[attr-defined]
        if message:  # none where a call without a command has shown the help
            from lab.config import plain

            show(LabError(plain(message), f"{command} --help"))
        sys.exit(USAGE)
    except StoppedError as error:
        interrupted(error.message, error.hint)
    except LabError as error:
        show(error)
        if os.environ.get("LAB_TRACEBACK"):
            raise
        sys.exit(error.exit_code)
    except OSError as error:
        from lab.host import full_disk

        full = full_disk(error)
        if full is None or os.environ.get("LAB_TRACEBACK"):
            raise
        show(full)
        sys.exit(full.exit_code)
    except GitError as error:
        show(LabError(error.message, error.hint))
        sys.exit(ServiceError.exit_code)
    except PipelineError as error:  # of a dataset; its own exit codes are those of a task
        show(LabError(error.message, error.hint))
        sys.exit(CheckFailedError.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        interrupted()


def show(error: LabError) -> None:
    from lab import ui

    ui.show_error(error)


def interrupted(message: str = "Interrupted.", hint: str = "") -> None:
    """End at once: threads of running phases must not block the terminal."""
    from lab import ui

    ui.say(message)
    ui.hint(hint)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)
