"""`python -m lab.pod_identity`: serves the agent, the webhook and the probes until SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web

from lab.pod_identity import agent, certificate, cluster, rights, webhook
from lab.pod_identity.associations import Associations
from lab.pod_identity.certificate import Certificate
from lab.pod_identity.roles import Roles
from lab.pod_identity.tokens import Tokens

WEBHOOK_PORT, PROBE_PORT = 23443, 2703
"""Those of Amazon's webhook, and of the probes of its agent."""


async def serve() -> None:
    """Serve until SIGTERM; an unexpected error ends the service, and the kubelet restarts it."""
    region = os.environ["AWS_REGION"]
    address = rights.listening(agent.HOST, agent.PORT)
    rights.give_up()
    async with AsyncExitStack() as stack:
        tls = Certificate(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        api = await stack.enter_async_context(cluster.of_this_pod())
        associations = Associations(api)
        place = rights.listening(certificate.HOST, WEBHOOK_PORT)
        await start(stack, webhook.application(associations, region), place, tls.tls)
        keeping = asyncio.create_task(tls.keep(api))
        roles = Roles(
            os.environ["POD_IDENTITY_STS_URL"],
            region,
            os.environ["POD_IDENTITY_CLUSTER_ARN"],
            os.environ["POD_IDENTITY_ACCESS_KEY_ID"],
            os.environ["POD_IDENTITY_SECRET_ACCESS_KEY"],
        )
        await start(stack, agent.application(Tokens(api), associations, roles), address)
        await start(stack, probes(tls), rights.listening("127.0.0.1", PROBE_PORT))
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, keeping.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await keeping


def probes(tls: Certificate) -> web.Application:
    async def ready(_: web.Request) -> web.Response:
        return web.Response(status=200 if tls.is_known else 503)

    async def alive(_: web.Request) -> web.Response:
        return web.Response()

    application = web.Application()
    application.router.add_get("/readyz", ready)
    application.router.add_get("/healthz", alive)
    return application


async def start(
    stack: AsyncExitStack, application: web.Application, place: socket.socket, tls: ssl.SSLContext | None = None
) -> None:
    """Serve it at `place` until the stack ends, which lets requests that have begun end, too."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=2)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, place, ssl_context=tls).start()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(serve())
