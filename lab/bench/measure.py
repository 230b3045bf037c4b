"""Runs programs and measures them: wall-clock seconds, and the peak memory of one child process."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import ui
from lab.errors import ProgramError
from lab.proc import Completed, describe, tail

GRACE = 10
"""Seconds that a program and its children have to end after SIGTERM."""


@dataclass(frozen=True)
class Timed:
    """A program that succeeded: its wall-clock seconds, and its output."""

    seconds: float
    completed: Completed


@dataclass(frozen=True)
class Usage:
    """A child that succeeded: its wall-clock seconds, its peak resident memory in bytes, its output."""

    seconds: float
    peak: int
    stdout: str


def timed(
    title: str, argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, limit: float, text: str | None = None
) -> Timed:
    """Run a program to its end, `text` on its standard input, with its title and limit shown.

    Raises:
        ProgramError: as lab.proc.run. If it is interrupted, nothing that the program started continues.
    """
    with ui.step(title, limit):
        started = time.monotonic()
        completed = run_group([str(part) for part in argv], env, cwd, limit, text)
        seconds = time.monotonic() - started
    return Timed(seconds, completed)


def run_group(command: list[str], env: Mapping[str, str], cwd: Path, limit: float, text: str | None) -> Completed:
    """As lab.proc.run, but in its own process group, which ends as a whole at the limit and on an interrupt.

    A `kind create` that outlived its caller would leave an unknown cluster.
    """
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            command, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL if text is None else pipe, stdout=pipe,
            stderr=pipe, encoding="utf-8", errors="replace", start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise ProgramError(f"{command[0]} could not be started: {error.strerror}") from error
    with process:
        try:
            stdout, stderr = process.communicate(text, timeout=limit)
        except BaseException as error:
            end_group(process)
            if isinstance(error, subprocess.TimeoutExpired):
                message = f"{shlex.join(command)} took longer than {limit:.0f} s"
                raise ProgramError(message, detail=tail(error.stderr)) from error
            raise
    if process.returncode != 0:
        message = f"{shlex.join(command)} ended with {describe(process.returncode)}"
        raise ProgramError(message, detail=tail(f"{stdout}\n{stderr}"))
    return Completed(0, stdout, stderr)


def end_group(process: subprocess.Popen[str]) -> None:
    """End the process and its group: SIGTERM, then SIGKILL after GRACE seconds."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        os.killpg(process.pid, signal.SIGKILL)


def child(title: str, argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, limit: float) -> Usage:
    """Run a program to its end and return its peak memory, as wait4(2) reports it.

    The peak is an upper bound: Linux counts what the child shared with this process before it became the program.

    Raises:
        ProgramError: it could not be started, outlived its limit (it is then killed), or failed.
    """
    command = [str(part) for part in argv]
    with ui.step(title, limit), tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.monotonic()
        try:
            process = subprocess.Popen(
                command, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=errors
            )
        except OSError as error:
            raise ProgramError(f"{command[0]} could not be started: {error.strerror}") from error
        status, peak = wait_for(process, limit)
        seconds = time.monotonic() - started
        output.seek(0)
        errors.seek(0)
        stdout, stderr = output.read().decode("utf-8", "replace"), errors.read().decode("utf-8", "replace")
    if status != 0:
        late = f" after its {limit:.0f} s" if seconds >= limit else ""
        raise ProgramError(f"{title}: ended with {describe(status)}{late}", detail=tail(stderr))
    return Usage(seconds, peak, stdout)


def wait_for(process: subprocess.Popen[bytes], limit: float) -> tuple[int, int]:
    """The child's exit status (negative: a signal) and peak memory; it is killed at its limit, and on an interrupt."""
    alarm = threading.Timer(limit, process.kill)
    alarm.daemon = True
    alarm.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        alarm.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    # getrusage(2): kibibytes on Linux, bytes on macOS.
    return process.returncode, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
