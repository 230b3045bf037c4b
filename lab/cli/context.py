"""What every command needs first: the settings, the engine, and the lock for those that change the lab."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab.cli.opened import opened
from lab.config import Layer, Settings, load
from lab.engine.base import Engine
from lab.engines import ENGINES
from lab.errors import BusyError, SettingsError, StoppedError
from lab.paths import Paths, make_home
from lab.proc import lock

HOLDER = "lock-holder"
CONTINUE = {
    "up": "make lab-up",
    "install": "make lab-install",
    "images": "make images",
    "down": "make lab-down",
    "repair": "make lab-repair",
    "eks up": "make eks-up",
    "eks down": "make eks-down",
}
"""Commands that are lists of steps and skip those that are done: how to run each again."""


def settings(flags: Layer | None = None) -> Settings:
    return load(Paths.of().settings_file, os.environ, flags)


def engine(flags: Layer | None = None, *, new: bool = False) -> tuple[Engine, str]:
    """The engine, and in one line why it was chosen; `new` if a lab may be created."""
    from lab.engine import choose

    chosen, why = choose(settings(flags), Paths.of(), new=new)
    opened.callback(chosen.close)
    return chosen, why


def engine_to_end() -> tuple[Engine, str]:
    """The engine that `lab down` ends, whatever the settings are; and in one line what is wrong with them, if anything.

    A running lab is ended with the settings that it was brought up with; it keeps a copy of them.
    """
    from lab.engine import FALLBACK, choose, make, remembered
    from lab.engine.instance import RUNNING_SETTINGS
    from lab.engine.same_settings import running

    paths = Paths.of()
    try:
        asked = settings()
    except SettingsError as error:
        before = running(paths.run / RUNNING_SETTINGS) or Settings()
        named = os.environ.get("LAB_ENGINE", "")
        engine = make(named if named in ENGINES else FALLBACK, before, paths)
        known = remembered(paths)
        return (make(known, before, paths) if known and engine.on_this_machine else engine), error.message
    return choose(asked, paths)[0], ""


def access() -> Any:
    """How to reach the running lab; NotRunningError when it is down."""
    return engine()[0].access()


def at_work() -> str:
    """The command that holds the lab's lock if its process is alive, or nothing."""
    import psutil

    file = Paths.of().home / HOLDER
    holder = file.read_text("utf-8") if file.exists() else ""
    pid = re.search(r"\(pid (\d+)\)$", holder)
    return holder if pid and psutil.pid_exists(int(pid[1])) else ""


@contextmanager
def exclusive(what: str) -> Iterator[None]:
    """Hold the lab's lock while the block runs; the system releases it when this process ends, however it ends.

    Raises:
        BusyError: another command holds it.
        StoppedError: Ctrl-C in a command that continues where it stopped.
    """
    home = Paths.of().home
    make_home(home)
    holder = home / HOLDER
    try:
        descriptor = lock(home / "lock", wait=False)
    except BlockingIOError as error:
        who = holder.read_text("utf-8") if holder.exists() else "another lab command"
        raise BusyError(f"{who} is running on this lab", "wait until it has ended, then repeat the command") from error
    try:
        holder.write_text(f"`lab {what}` (pid {os.getpid()})", "utf-8")
        yield
    except KeyboardInterrupt as error:
        if what not in CONTINUE:
            raise
        raise StoppedError("Interrupted. What is done stays done.", f"{CONTINUE[what]} continues from here") from error
    finally:
        holder.unlink(missing_ok=True)
        os.close(descriptor)
