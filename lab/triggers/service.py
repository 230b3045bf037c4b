"""The loop of the service: it checks at its start, at each webhook, and every few seconds; and reports its state."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path

from lab.triggers.errors import TroubleError
from lab.triggers.watcher import Watcher

log = logging.getLogger(__name__)

AGAIN = 2.0
"""Seconds after which it looks again where something was in the way."""


@dataclass
class TriggerService:
    """Looks every `seconds`, and whenever `pushed` is called; pushes while it looks make one more look."""

    watcher: Watcher
    seconds: float
    state_file: Path | None = None
    reported: str = ""
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ready(self) -> bool:
        return self.watcher.begun

    def pushed(self) -> None:
        self.asked.set()

    async def run(self) -> None:
        """Look until cancelled. An unexpected error ends the service, and its supervisor restarts it."""
        while True:
            self.asked.clear()
            await self.look()
            pause = min(AGAIN, self.seconds) if self.reported else self.seconds
            try:
                await asyncio.wait_for(self.asked.wait(), pause)
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Look once more, and log one line whenever the result differs from the one before."""
        waited_for = trouble = ""
        try:
            waited_for = await self.watcher.check()
        except TroubleError as error:
            trouble = str(error)
        now = trouble or waited_for
        if without_duration(now) != without_duration(self.reported):
            log.log(logging.WARNING if now else logging.INFO, "%s", now or "recovered")
        self.reported = now
        if self.state_file is not None:
            partial = self.state_file.with_suffix(".partial")
            partial.write_text(f"{trouble if self.ready else now}\n", "utf-8")
            partial.replace(self.state_file)


def without_duration(text: str) -> str:
    """Git says after how many milliseconds it found no server; that is no other state."""
    return re.sub(r" after \d+ ms", "", text)
