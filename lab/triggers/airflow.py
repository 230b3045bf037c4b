"""Airflow by its public REST API, version 2: the events of one asset, and a Variable with where the service began.

What was handled is read from Airflow alone, so that a restarted service knows it: from the asset's events,
newest first, that name a commit in `extra`, and from the Variable. An event cannot say where the service began, because
each event starts runs; and `airflow db clean` removes old events.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from lab.triggers.errors import TroubleError
from lab.triggers.history import Changes

LIMIT = aiohttp.ClientTimeout(total=30)
VARIABLE = "lab_triggers_handled"
DESCRIPTION = "Up to this commit the lab's service triggers has handled what was pushed"
EVENTS = 100
"""How many events are read: those that people raised by hand name no commit."""
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
MISSING = 404


@dataclass
class AirflowEvents:
    """A client that signs in when it has to. Every method raises TroubleError if Airflow does not answer or refuses."""

    session: aiohttp.ClientSession
    url: str
    login: Path
    token: str = ""

    async def sign_in(self) -> None:
        ((user, password),) = json.loads(self.login.read_text("utf-8")).items()
        found = await self.request("POST", "/auth/token", json={"username": user, "password": password})
        self.token = found["access_token"]

    async def request(self, method: str, path: str, *, or_none: bool = False, **options: Any) -> Any:
        """The answer's JSON; with `or_none` None if what was asked for is not there."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            answer = await self.session.request(method, self.url + path, headers=headers, timeout=LIMIT, **options)
            async with answer:
                if answer.status == MISSING and or_none:
                    return None
                if answer.status >= 400:
                    raise TroubleError(f"Airflow answered {answer.status} to {method} {path}")
                return await answer.json()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TroubleError(f"Airflow does not answer at {self.url}") from error

    async def asset(self, uri: str) -> int | None:
        """The id of the asset, or None while no DAG that Airflow has loaded names it."""
        found = await self.request("GET", "/api/v2/assets", params={"uri_pattern": uri})
        return next((int(each["id"]) for each in found["assets"] if each["uri"] == uri), None)

    async def handled(self, asset: int | None) -> list[str]:
        """Commits up to which all was handled, the newest event's first."""
        named: list[Any] = []
        if asset is not None:
            asked = {"asset_id": asset, "order_by": "-timestamp", "limit": EVENTS}
            events = (await self.request("GET", "/api/v2/assets/events", params=asked))["asset_events"]
            named += [(event["extra"] or {}).get("commit") for event in events]
        variable = await self.request("GET", f"/api/v2/variables/{VARIABLE}", or_none=True)
        named += [commit_in(variable["value"])] if variable else []
        return list(dict.fromkeys(name for name in named if isinstance(name, str) and COMMIT.fullmatch(name)))

    async def raise_event(self, asset: int, changes: Changes) -> None:
        """Raise one event for all these changes: up to `commit` everything is handled."""
        extra = {
            "commit": changes.head, "author": changes.author, "paths": changes.paths, "changes": changes.commits,
        }  # fmt: skip
        await self.request("POST", "/api/v2/assets/events", json={"asset_id": asset, "extra": extra})

    async def remember(self, commit: str) -> None:
        """Have the Variable say that everything up to this commit is handled."""
        # An object, because Airflow reads a value that looks like a number as one: so might a commit.
        body = {"key": VARIABLE, "value": json.dumps({"commit": commit}), "description": DESCRIPTION}
        if await self.request("PATCH", f"/api/v2/variables/{VARIABLE}", or_none=True, json=body) is None:
            await self.request("POST", "/api/v2/variables", json=body)


def commit_in(value: str) -> str | None:
    """The commit in the Variable; None if a person has put something else there."""
    try:
        found: str = json.loads(value)["commit"]
    except (ValueError, KeyError, TypeError):
        return None
    return found
