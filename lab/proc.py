"""Runs programs: argument lists, captured output, a typed error with the program's last lines."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import ProgramError

if TYPE_CHECKING:
    import psutil

SUPERVISOR_PID = Path("run", "supervisord.pid")
"""Below `.lab`: the file with the process id of the local engine's supervisor."""

TAIL_LINES = 12
CERTIFICATES = {"AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "REQUESTS_CA_BUNDLE",
                "SSL_CERT_DIR", "SSL_CERT_FILE"}  # fmt: skip
PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"}
LIBRARIES = {"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"}  # some Pythons do not start without


@dataclass(frozen=True)
class Completed:
    """A program that ended: its exit status (negative: killed by that signal) and what it wrote."""

    status: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    limit: float,
    check: bool = True,
    text: str | None = None,
    inherit: Sequence[int] = (),
) -> Completed:
    """Run `argv` to its end, at most `limit` seconds, with `text` on standard input (else nothing).

    `inherit` are open descriptors that the program keeps: a lock that is to last as long as it does.

    Raises:
        ProgramError: it could not be started, outlived its limit (it is then killed), or, with `check`, ended
            with a status other than 0. Its last lines are the error's detail.
    """
    command = [str(part) for part in argv]
    try:
        finished = subprocess.run(
            command,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=limit,
            check=False,
            pass_fds=inherit,
            **({"stdin": subprocess.DEVNULL} if text is None else {"input": text}),
        )
    except FileNotFoundError as error:
        if cwd is not None and not cwd.is_dir():
            raise ProgramError(f"{command[0]} could not be started: there is no folder {cwd}") from error
        raise ProgramError(f"{command[0]}: no such program", "`make lab-up` installs what is missing") from error
    except OSError as error:
        raise ProgramError(f"{command[0]} could not be started: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ProgramError(
            f"{shlex.join(command)} took longer than {limit:.0f} s", detail=tail(error.stderr)
        ) from error
    completed = Completed(finished.returncode, finished.stdout, finished.stderr)
    return require_success(command, completed) if check else completed


def require_success(command: Sequence[str | Path], completed: Completed) -> Completed:
    """Return what ended with status 0; raise ProgramError, with its last lines, for any other."""
    if completed.status == 0:
        return completed
    message = f"{shlex.join(str(part) for part in command)} ended with {describe(completed.status)}"
    raise ProgramError(message, detail=tail(f"{completed.stdout}\n{completed.stderr}".lstrip()))


def describe(status: int) -> str:
    """`exit status 3`, or `signal 9` for a status that says so."""
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def tail(text: str | bytes | None, lines: int = TAIL_LINES) -> str:
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return "\n".join((text or "").rstrip().splitlines()[-lines:])


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The user's environment without variables that would redirect the lab's programs, plus `extra`.

    AWS_*, AIRFLOW*, DVC_*, GIT_* and Python's own variables go: the lab's programs must not find another account,
    another Airflow or another repository by accident. Proxy, locale and certificate settings stay.
    """
    redirecting = ("AWS_", "AIRFLOW", "DVC_", "GIT_", "PYTHON", "LOCALSTACK_", "PIPELINE_", "GITSYNC_")
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(redirecting) or name in CERTIFICATES
    }
    kept.pop("VIRTUAL_ENV", None)
    return {**kept, **(extra or {})}


def service_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """`extra` on a fixed base: of the user's variables only proxies and certificates, not what differs by terminal.

    So a second `lab up` finds the services as it would start them, and no token of the user reaches them. A proxy
    never sees loopback traffic.
    """
    kept = {name: value for name, value in os.environ.items() if name in CERTIFICATES | PROXIES | LIBRARIES}
    git = shutil.which("git")
    path = f"{Path(git).parent}:/usr/local/bin:/usr/bin:/bin" if git else "/usr/local/bin:/usr/bin:/bin"
    return {"PATH": path, "LANG": "C.UTF-8", **kept, **without_proxy_on_loopback(), **extra}


def without_proxy_on_loopback() -> dict[str, str]:
    """NO_PROXY with loopback added to what it holds, in both spellings that programs read."""
    before = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    value = ",".join(filter(None, [before, "127.0.0.1,localhost"]))
    return {"NO_PROXY": value, "no_proxy": value}


def lock(file: Path, *, wait: bool = True) -> int:
    """Open the file and hold a lock on it (flock(2)) until no process has the descriptor open any more.

    Raises:
        BlockingIOError: another one holds it, and `wait` is false.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def held(file: Path) -> Iterator[int]:
    """Hold a lock, as `lock`, while the block runs, waiting for it if necessary.

    A program that inherits the descriptor (`run(…, inherit=[descriptor])`) holds it too: so one that outlives a killed
    command is waited for, and a second one never runs at the same time.
    """
    descriptor = lock(file)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def own_process(pid_file: Path, home: Path) -> psutil.Process | None:
    """The running process that the file names, or None; a pid that a program outside this lab reuses does not count."""
    import psutil

    with contextlib.suppress(FileNotFoundError, ValueError, psutil.Error, OSError):
        process = psutil.Process(int(pid_file.read_text("utf-8")))
        if process.environ().get("LAB_HOME") == str(home) and process.status() != "zombie":
            return process
    return None
