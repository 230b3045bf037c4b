"""The one piece of logic, however the service learns of a push: what is new, and the event for it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from lab.triggers.airflow import AirflowEvents
from lab.triggers.history import Watched

log = logging.getLogger(__name__)


@dataclass
class Watcher:
    """Raises the event of the asset `uri` when persons have changed data on the branch.

    It keeps nothing that matters: `seen` only spares Airflow questions while nothing is pushed.
    """

    watched: Watched
    airflow: AirflowEvents
    uri: str
    seen: str | None = None
    begun: bool = False
    """It knows what was there before it, so that each later push counts."""

    async def check(self) -> str:
        """Look once, and raise one event for all that is new; return what is still waited for, or nothing.

        Raises:
            TroubleError: Git or Airflow does not answer. The next look makes up for this one.
        """
        head = await asyncio.to_thread(self.watched.head)
        if head is None:
            return f"the repository has no branch {self.watched.branch}"
        if head == self.seen:
            return ""
        await self.airflow.sign_in()
        asset = await self.airflow.asset(self.uri)
        handled = await self.airflow.handled(asset)
        head = await asyncio.to_thread(self.watched.fetch, next(iter(handled), None))
        known = await asyncio.to_thread(self.watched.known, handled)
        if not known:
            await self.begin(head)
        self.begun = True
        if known and (changes := await asyncio.to_thread(self.watched.changes, head, known)):
            if asset is None:
                return f"Airflow has loaded no DAG that names the asset {self.uri}"
            await self.airflow.raise_event(asset, changes)
            log.info("event for %s by %r: %s", changes.commits[0][:12], changes.author, ", ".join(changes.paths))
            await self.airflow.remember(head)
        self.seen = head
        return ""

    async def begin(self, head: str) -> None:
        """At a first start, or in a history that has nothing of the one before: what is there starts no run."""
        await self.airflow.remember(head)
        log.info("what is on %s up to %s starts no run", self.watched.branch, head[:12])
