"""What every command needs first: the settings, the engine, and the lock for those that change the lab."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab.config import Layer, Settings, load
from lab.engine.base import Engine
from lab.errors import BusyError
from lab.paths import Paths, make_home


def settings(flags: Layer | None = None) -> Settings:
    return load(Paths.of().settings_file, os.environ, flags)


def engine(flags: Layer | None = None, *, new: bool = False) -> tuple[Engine, str]:
    """The engine, and in one line why it is that one; `new` if a lab may be made."""
    from lab.engine import choose

    return choose(settings(flags), Paths.of(), new=new)


def access() -> Any:
    """How to reach the running lab; NotRunningError when it is down."""
    return engine()[0].access()


@contextmanager
def exclusive(what: str) -> Iterator[None]:
    """Hold the lab's lock while the block runs; the system releases it when this process ends, however it ends.

    Raises:
        BusyError: another command holds it.
    """
    from filelock import FileLock, Timeout

    home = Paths.of().home
    make_home(home)
    holder = home / "lock-holder"
    lock = FileLock(home / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        who = holder.read_text("utf-8") if holder.exists() else "another lab command"
        raise BusyError(f"{who} is at work on this lab", "wait until it has ended, then try again") from error
    try:
        holder.write_text(f"`lab {what}` (pid {os.getpid()})", "utf-8")
        yield
    finally:
        lock.release()
