"""Receives a Git host's push webhook and checks its signature; answers the kubelet's probes."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping

from aiohttp import web

log = logging.getLogger(__name__)

PATH = "/push"
LARGEST = 4 << 20
"""Bytes of a webhook that are read; Gitea's and GitHub's name a few commits."""


def application(secret: bytes, pushed: Callable[[], None], ready: Callable[[], bool]) -> web.Application:
    """Calls `pushed` for each webhook at PATH that has the right signature, and says whether it is `ready`."""

    async def push(request: web.Request) -> web.Response:
        if not signed(request.headers, await request.read(), secret):
            log.warning("refused a webhook from %s: its signature is missing or wrong", request.remote)
            return web.Response(status=403, text="the signature is missing or wrong\n")
        pushed()
        return web.Response(status=202, text="looking\n")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(status=200 if ready() else 503)

    async def healthz(_: web.Request) -> web.Response:
        return web.Response()

    made = web.Application(client_max_size=LARGEST)
    made.router.add_post(PATH, push)
    made.router.add_get("/readyz", readyz)
    made.router.add_get("/healthz", healthz)
    return made


def signed(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
    """Whether the body is signed with the secret, compared in constant time.

    HMAC-SHA256 in hexadecimal, as Gitea sends it ("Webhooks" in its documentation), or as GitHub does ("Validating
    webhook deliveries").
    """
    given = headers.get("X-Gitea-Signature") or headers.get("X-Hub-Signature-256", "").removeprefix("sha256=")
    wanted = hmac.new(secret, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())
