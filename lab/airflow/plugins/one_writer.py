"""A plugin of Airflow on the local engine: its API server executes one writing request at a time, as SQLite does.

Without it, the server blocks itself. The log entry of each writing request is inserted on the event loop
(airflow.api_fastapi.logging.decorators); while another request holds SQLite's lock, that insert stops the loop for the
five seconds that sqlite3 waits, and without the loop the other request cannot commit. Eight runs that were triggered at
once got seven answers 500 after 20 s. Kubernetes engines have PostgreSQL and do not need this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow.plugins_manager import AirflowPlugin

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
READING = frozenset({"GET", "HEAD", "OPTIONS"})


class OneWriter:
    """ASGI middleware; requests that only read do not wait."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.writing = asyncio.Lock()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in READING:
            await self.app(scope, receive, send)
            return
        async with self.writing:
            await self.app(scope, receive, send)


class OneWriterPlugin(AirflowPlugin):  # type: ignore[misc]
    name = "one_writer"
    fastapi_root_middlewares = [{"middleware": OneWriter, "name": "one writer"}]  # noqa: RUF012 - as Airflow's own
