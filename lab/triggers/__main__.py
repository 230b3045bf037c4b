"""`python -m lab.triggers`: watches until SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
from contextlib import AsyncExitStack

import aiohttp
from aiohttp import web

from lab.triggers import webhook
from lab.triggers.airflow import AirflowEvents
from lab.triggers.history import Watched
from lab.triggers.service import TriggerService
from lab.triggers.settings import WatchSettings, from_environment
from lab.triggers.watcher import Watcher


async def serve(settings: WatchSettings) -> None:
    # A clone that a killed service has left may be locked; it is small.
    shutil.rmtree(settings.folder, ignore_errors=True)
    settings.folder.parent.mkdir(parents=True, exist_ok=True)
    if settings.state is not None:
        settings.state.unlink(missing_ok=True)
    async with AsyncExitStack() as stack:
        # Proxies are for the world outside: aiohttp takes none from the environment.
        session = await stack.enter_async_context(aiohttp.ClientSession())
        watched = Watched(settings.repository, settings.branch, settings.folder, dict(os.environ))
        watcher = Watcher(watched, AirflowEvents(session, settings.airflow, settings.login), settings.asset)
        service = TriggerService(watcher, settings.seconds, settings.state)
        if settings.port and settings.secret is not None:
            await listen(stack, service, settings.port, settings.secret.read_bytes().strip())
        looking = asyncio.create_task(service.run())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, looking.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await looking


async def listen(stack: AsyncExitStack, service: TriggerService, port: int, secret: bytes) -> None:
    """Serve webhooks and probes until the stack ends."""
    application = webhook.application(secret, service.pushed, lambda: service.ready)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=2)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, port=port).start()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(serve(from_environment(os.environ)))
