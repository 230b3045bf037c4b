"""Chooses the engine."""

from __future__ import annotations

from lab.config import Settings
from lab.engine.base import Engine
from lab.errors import HostError, LabError, SettingsError
from lab.paths import Paths, make_home

NAMES = ("local", "kind")


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
        return first(settings, paths) if new else (make("local", settings, paths), "the lab has not been up yet")
    if before and before != settings.engine and runs(make(before, settings, paths)):
        raise SettingsError(
            f"the lab is up with engine {before}, requested is {settings.engine}",
            f"make lab-down ENGINE={before}, then make lab-up ENGINE={settings.engine}",
        )
    return make(settings.engine, settings, paths), "as requested"


def runs(engine: Engine) -> bool:
    try:
        return bool(engine.status().services)
    except HostError:  # without Docker nothing runs there
        return False
    except LabError:  # something runs, but cannot be reached
        return True


def make(name: str, settings: Settings, paths: Paths) -> Engine:
    if name == "kind":
        from lab.engine.kind import KindEngine

        return KindEngine(paths, settings)
    from lab.engine.local import LocalEngine

    return LocalEngine(paths, settings)


def first(settings: Settings, paths: Paths) -> tuple[Engine, str]:
    """The engine of a lab that has not been up yet, as far as this machine can run it at once."""
    reason = why_not_kind(settings, paths)
    if reason:
        return make("local", settings, paths), f"{reason}; ENGINE=kind selects kind"
    return make("kind", settings, paths), "Docker answers and no image has to be built"


def why_not_kind(settings: Settings, paths: Paths) -> str:
    """Why a cluster is not possible without a long build, or nothing."""
    from lab.chart import find_chart
    from lab.docker import require_engine
    from lab.engine.kind.instance import Instance

    try:
        require_engine()
        find_chart(settings)
    except LabError as error:
        return error.message
    images = Instance(paths, settings).images
    if images.source == "build" and images.missing():
        return "building the images takes a quarter of an hour"
    return ""


def remembered(paths: Paths) -> str:
    """The engine that this lab was last brought up with, or nothing."""
    file = paths.home / "engine"
    name = file.read_text("utf-8").strip() if file.exists() else ""
    return name if name in NAMES else ""


def remember(paths: Paths, name: str) -> None:
    make_home(paths.home)
    (paths.home / "engine").write_text(f"{name}\n", "utf-8")


def forget(paths: Paths) -> None:
    (paths.home / "engine").unlink(missing_ok=True)
