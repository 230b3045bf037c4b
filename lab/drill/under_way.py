"""A drill leaves a mark while it runs: so an interrupted one is detected, and what it took away is restored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.drill.injector import FaultInjector
from lab.engine.base import Engine
from lab.engines import load
from lab.errors import SettingsError
from lab.paths import Paths


def injector_of(engine: Engine) -> FaultInjector:
    """The fault injector of the engine.

    Raises:
        SettingsError: the engine has none.
    """
    if not engine.injector:
        raise SettingsError(f"lab drill has no faults for the engine {engine.name}", "ENGINE=local or ENGINE=kind")
    made: FaultInjector = load(engine.injector)(engine.instance)
    return made


def mark(paths: Paths) -> Path:
    return paths.run / "drill"


def was_interrupted(paths: Paths) -> bool:
    """Whether a drill ended without restoring what it took away: by SIGKILL, or with the machine."""
    return mark(paths).exists()


def restore(engine: Engine) -> None:
    """Restore what an interrupted drill took away."""
    injector_of(engine).restore()
    mark(engine.paths).unlink(missing_ok=True)


@contextmanager
def under_way(paths: Paths, injector: FaultInjector) -> Iterator[None]:
    """While the block runs, services may be taken away; after it they are restored, however it ended."""
    mark(paths).touch()
    try:
        yield
    finally:
        injector.restore()
        mark(paths).unlink(missing_ok=True)
