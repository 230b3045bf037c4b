"""A plugin of Airflow on every engine: its API server refuses changes that a page of another origin requests.

Airflow's API accepts the cookie of a person who is signed in. Browsers send that cookie with the requests of any page
on the same site, and another port is the same site: without this plugin, a page on another port of the same host can
create connections, or materialize an asset, by requests without a body. Pages of other origins cannot read an answer,
because Airflow sends no CORS headers.

A browser states with each request whether its page has the same origin (Sec-Fetch-Site, "Fetch Metadata Request
Headers" of the W3C); without that header, as over plain HTTP to another machine, `Origin` is compared with `Host`.
Other programs send neither.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow.plugins_manager import AirflowPlugin

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
READING = frozenset({"GET", "HEAD", "OPTIONS"})
OWN = frozenset({b"same-origin", b"none"})
"""Values of Sec-Fetch-Site: a page of Airflow itself, and a URL that the user typed."""
REFUSAL = b'{"detail": "A page of another origin may not change anything in Airflow."}'
NO_FRAMES = (b"content-security-policy", b"frame-ancestors 'self'")


def of_another_origin(headers: dict[bytes, bytes]) -> bool:
    """Whether a page of another origin sent a request with these headers."""
    if site := headers.get(b"sec-fetch-site"):
        return site not in OWN
    origin = headers.get(b"origin")
    return origin is not None and origin.partition(b"://")[2] != headers.get(b"host")


class SameOrigin:
    """ASGI middleware; it also forbids pages of other origins to show an answer in a frame."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_unframed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), NO_FRAMES]}
            await send(message)

        if scope["method"] in READING or not of_another_origin(dict(scope["headers"])):
            await self.app(scope, receive, send_unframed)
            return
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(REFUSAL)).encode())]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": REFUSAL})


class SameOriginPlugin(AirflowPlugin):  # type: ignore[misc]
    name = "same_origin"
    fastapi_root_middlewares = [{"middleware": SameOrigin, "name": "same origin"}]  # noqa: RUF012 - as Airflow's own
