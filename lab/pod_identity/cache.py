"""A cache that makes each value once for all concurrent requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """Values by key, each kept until `until(value)` (seconds since 1970). Errors are not kept."""

    def __init__(self, until: Callable[[Value], float]) -> None:
        self.until = until
        self.values: dict[Key, Value] = {}
        self.locks: dict[Key, asyncio.Lock] = {}

    def known(self, key: Key) -> Value | None:
        """The value, if there is one that still holds."""
        value = self.values.get(key)
        return value if value is not None and self.until(value) > time.time() else None

    async def get(self, key: Key, make: Callable[[], Awaitable[Value]]) -> Value:
        """The value that is known, or that `make` makes while all others who ask for it wait."""
        found = self.known(key)
        if found is not None:
            return found
        lock = self.locks.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                found = self.known(key)
                if found is None:
                    found = await make()
                    self.forget_old()
                    self.values[key] = found
                return found
        finally:
            self.locks.pop(key, None)

    def forget_old(self) -> None:
        now = time.time()
        self.values = {key: value for key, value in self.values.items() if self.until(value) > now}
