"""The scratch lab: a checkout of HEAD below `.lab/bench/`, with its own ports, data, processes and cluster.

Never the user's own lab: what the bench starts, it starts there, by the command line, and ends it again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import ui
from lab.bench.measure import Timed, timed
from lab.config import Settings, load
from lab.errors import BusyError, HostError, LabError, ProgramError
from lab.proc import clean_environment, lock, run

UP_LIMIT, DOWN_LIMIT, COMMAND_LIMIT = 900, 180, 600
LOCAL = {"LAB_ENGINE": "local"}
KIND = {"LAB_ENGINE": "kind", "LAB_CLUSTER__NAME": "lab-bench"}
HANDED_ON = ("LAB_IMAGES__SOURCE", "LAB_IMAGES__REGISTRY", "LAB_AIRFLOW__CHART")
"""Settings of the user's own lab that say where a cluster's parts come from."""


@dataclass
class Scratch:
    """One checkout; `commit` is the HEAD that is measured, `variables` are its settings."""

    source: Path
    folder: Path
    commit: str = ""
    variables: Mapping[str, str] = field(default_factory=lambda: LOCAL)

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    @property
    def home(self) -> Path:
        return self.checkout / ".lab"

    @property
    def settings(self) -> Settings:
        return load(self.checkout / "lab.toml", self.variables)

    def clone(self) -> None:
        """A fresh clone of HEAD; what an earlier bench left there is ended and removed first."""
        self.remove()
        run(
            ["git", "clone", "--quiet", "--no-local", self.source, self.checkout],
            env=clean_environment(), limit=COMMAND_LIMIT,
        )  # fmt: skip
        command = ["git", "checkout", "--quiet", "--detach", self.commit]
        run(command, cwd=self.checkout, env=clean_environment(), limit=60)

    def lab(self, title: str, *arguments: str, limit: float = COMMAND_LIMIT, **variables: str) -> Timed:
        """`lab <arguments>` in the checkout, as a user would call it; `variables` are added to its environment.

        Raises:
            ProgramError: it failed; its last lines are the detail.
        """
        command = ["sh", "lab/bootstrap.sh", *arguments]
        return timed(title, command, env=environment({**self.variables, **variables}), cwd=self.checkout, limit=limit)

    def lab_json(self, title: str, *arguments: str, limit: float = COMMAND_LIMIT) -> tuple[float, Any]:
        """The seconds of `lab <arguments> --json`, and what it printed."""
        ran = self.lab(title, *arguments, "--json", limit=limit)
        return ran.seconds, json.loads(ran.completed.stdout)

    def up(self, title: str, **variables: str) -> tuple[float, dict[str, float]]:
        """Bring it up; seconds of the whole command, and of each phase that had something to do."""
        ran = self.lab(title, "up", "--json", limit=UP_LIMIT, **variables)
        return ran.seconds, json.loads(ran.completed.stdout)["phases"]

    def down(self, title: str, *options: str) -> float:
        return self.lab(title, "down", *options, limit=DOWN_LIMIT).seconds

    def shell_environment(self) -> dict[str, str]:
        """The environment of lab-shell, as lab-shell itself prints it."""
        python = self.home / "environments" / "lab" / "bin" / "python"
        code = "import json, os; print(json.dumps(dict(os.environ)))"
        asked = self.lab("Asking lab-shell for its environment", "shell", "--", str(python), "-c", code)
        found: dict[str, str] = json.loads(asked.completed.stdout)
        return found

    def remove(self) -> None:
        """End what runs there, then remove the checkout.

        Raises:
            ProgramError: it could not be ended; nothing is removed then.
        """
        if (self.home / "environments" / "lab").exists():
            self.down("Ending the bench's lab", "--purge")
        shutil.rmtree(self.checkout, ignore_errors=True)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without their lab settings: a port set by hand is their own lab's."""
    kept = {k: v for k, v in clean_environment().items() if not k.startswith("LAB_") or k == "LAB_PYTHON"}
    return {**kept, **variables}


def kind_variables() -> dict[str, str]:
    """The settings of a scratch lab on kind."""
    given = {name: os.environ[name] for name in HANDED_ON if os.environ.get(name)}
    if chart := given.get("LAB_AIRFLOW__CHART"):
        given["LAB_AIRFLOW__CHART"] = str(Path(chart).expanduser().resolve())
    return {**given, **KIND}


def head(source: Path) -> str:
    """The commit of the checkout; warns of changes that the bench won't measure.

    Raises:
        HostError: it isn't a Git checkout.
    """
    try:
        commit = run(["git", "rev-parse", "HEAD"], cwd=source, env=clean_environment(), limit=20).stdout.strip()
        changes = run(["git", "status", "--porcelain"], cwd=source, env=clean_environment(), limit=60).stdout
    except ProgramError as error:
        hint = "the bench measures a fresh clone of HEAD: use git clone"
        raise HostError(f"{source} is not a Git checkout", hint) from error
    if changes.strip():
        ui.say(f"Measuring HEAD ({commit[:10]}); the uncommitted changes are not in it.")
    return commit


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the bench's lock while the block runs.

    Raises:
        BusyError: another bench is at work here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = lock(folder / "lock", wait=False)
    except BlockingIOError as error:
        hint = "wait until it has ended, then try again"
        raise BusyError("another bench is at work on this checkout", hint) from error
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def scratch_lab(source: Path, folder: Path, commit: str) -> Iterator[Scratch]:
    """A scratch lab that is always brought down, also after an error or an interrupt; its logs are kept then."""
    scratch = Scratch(source, folder, commit)
    try:
        yield scratch
        scratch.remove()
    except BaseException:
        end_after_failure(scratch)
        raise
    finally:
        for name in ("empty-caches", "plain"):
            shutil.rmtree(folder / name, ignore_errors=True)


def end_after_failure(scratch: Scratch) -> None:
    """Bring the lab down and keep its files; the error in progress is the one to report."""
    if not (scratch.home / "environments" / "lab").exists():
        return
    try:
        scratch.down("Ending the bench's lab")
    except LabError as error:
        ui.show_error(error)
    logs = os.path.relpath(scratch.home / "logs", scratch.source)
    ui.say(f"The logs of the bench's lab are in {logs}; the next bench removes them.")


@contextmanager
def kind_lab(source: Path, folder: Path, commit: str) -> Iterator[Scratch]:
    """A scratch lab on kind, removed completely when the block ends, however it ends."""
    scratch = Scratch(source, folder, commit, kind_variables())
    with removed_after(scratch.remove):
        yield scratch


@contextmanager
def removed_after(remove: Callable[[], None]) -> Iterator[None]:
    """Call `remove` when the block has ended; an error of the block is the one to raise."""
    try:
        yield
    except BaseException:
        try:
            remove()
        except LabError as error:
            ui.show_error(error)
        raise
    remove()
