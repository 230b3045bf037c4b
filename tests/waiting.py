"""The wait of all tests: for a condition, with a limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from lab.wait import NotYetError, wait_until

Found = TypeVar("Found")


def eventually(probe: Callable[[], Found | None], what: str, limit: float = 60, pause: float = 0.1) -> Found:
    """Return the first true answer of `probe`, which is asked every `pause` seconds; fail after `limit` seconds."""

    def look() -> Found:
        found = probe()
        if not found:
            raise NotYetError("not yet")
        return found

    return wait_until(look, what=what, limit=limit, pause=pause)
