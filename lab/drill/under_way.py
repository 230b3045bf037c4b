"""A drill leaves a mark while it runs: so an interrupted one is detected, and what it took away is restored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.drill.hands import Hands
from lab.engine.base import Engine
from lab.paths import Paths


def hands_of(engine: Engine) -> Hands:
    """The hands for the engine."""
    if engine.name == "kind":
        from lab.drill.kind import KindHands
        from lab.engine.kind.instance import Instance as KindInstance

        return KindHands(KindInstance(engine.paths, engine.settings))
    from lab.drill.local import LocalHands
    from lab.engine.local.instance import Instance

    return LocalHands(Instance(engine.paths, engine.settings))


def mark(paths: Paths) -> Path:
    return paths.run / "drill"


def was_interrupted(paths: Paths) -> bool:
    """Whether a drill ended without restoring what it took away: by SIGKILL, or with the machine."""
    return mark(paths).exists()


def restore(engine: Engine) -> None:
    """Restore what an interrupted drill took away."""
    hands_of(engine).restore()
    mark(engine.paths).unlink(missing_ok=True)


@contextmanager
def under_way(paths: Paths, hands: Hands) -> Iterator[None]:
    """While the block runs, services may be taken away; after it they are restored, however it ended."""
    mark(paths).touch()
    try:
        yield
    finally:
        hands.restore()
        mark(paths).unlink(missing_ok=True)
