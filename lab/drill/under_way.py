"""A drill leaves a mark while it runs: so an interrupted one is detected, and what it took away is restored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.drill.injector import FaultInjector
from lab.engine.base import Engine
from lab.paths import Paths


def injector_of(engine: Engine) -> FaultInjector:
    """The fault injector of the engine."""
    if engine.name == "kind":
        from lab.drill.kind import KindInjector
        from lab.engine.kind.instance import Instance as KindInstance

        return KindInjector(KindInstance(engine.paths, engine.settings))
    from lab.drill.local import LocalInjector
    from lab.engine.local.instance import Instance

    return LocalInjector(Instance(engine.paths, engine.settings))


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
