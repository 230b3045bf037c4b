"""Chooses the engine."""

from __future__ import annotations

from lab.config import Settings
from lab.engine.base import Engine
from lab.engines import ENGINES, load
from lab.errors import HostError, LabError, SettingsError
from lab.paths import Paths, make_home

PREFERRED, FALLBACK = "kind", "local"
"""What `auto` takes: the first if this machine runs it without long preparations."""


def choose(settings: Settings, paths: Paths, *, new: bool = False) -> tuple[Engine, str]:
    """The engine that the settings request, and why, in one line.

    `auto` is the engine that the lab has been brought up with. Without one it is `local`; with `new`, when the lab is
    about to be brought up, it is `kind` if that needs no long build.

    Raises:
        SettingsError: an engine other than the requested one runs this lab.
    """
    before = remembered(paths)
    if settings.engine == "auto":
        if before:
            return make(before, settings, paths), "as before"
        return first(settings, paths) if new else (make(FALLBACK, settings, paths), "the lab has not been up yet")
    chosen = make(settings.engine, settings, paths)
    if chosen.on_this_machine and before and before != settings.engine and runs(make(before, settings, paths)):
        raise SettingsError(
            f"the lab is up with engine {before}, requested is {settings.engine}",
            f"make lab-down ENGINE={before}, then make lab-up ENGINE={settings.engine}",
        )
    return chosen, "as requested"


def runs(engine: Engine) -> bool:
    try:
        return bool(engine.status().services)
    except HostError:  # without Docker nothing runs there
        return False
    except LabError:  # something runs, but cannot be reached
        return True


def make(name: str, settings: Settings, paths: Paths) -> Engine:
    made: Engine = load(ENGINES[name])(paths, settings)
    return made


def first(settings: Settings, paths: Paths) -> tuple[Engine, str]:
    """The engine of a lab that has not been up yet, as far as this machine can run it at once."""
    preferred = make(PREFERRED, settings, paths)
    if reason := preferred.why_not_at_once():
        return make(FALLBACK, settings, paths), f"{reason}; ENGINE={PREFERRED} selects it"
    return preferred, "Docker answers and no image has to be built"


def remembered(paths: Paths) -> str:
    """The engine that this lab was last brought up with, or nothing."""
    file = paths.home / "engine"
    name = file.read_text("utf-8").strip() if file.exists() else ""
    return name if name in ENGINES else ""


def remember(paths: Paths, name: str) -> None:
    make_home(paths.home)
    (paths.home / "engine").write_text(f"{name}\n", "utf-8")


def forget(paths: Paths) -> None:
    (paths.home / "engine").unlink(missing_ok=True)
