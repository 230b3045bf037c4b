"""Chooses the engine."""

from __future__ import annotations

from lab.config import Settings
from lab.engine.base import Engine
from lab.paths import Paths


def choose(settings: Settings, paths: Paths) -> tuple[Engine, str]:
    """The engine that the settings ask for, and why, in one line."""
    from lab.engine.local import LocalEngine

    why = "as asked" if settings.engine != "auto" else "needs nothing but Python and Git"
    return LocalEngine(paths, settings), why
