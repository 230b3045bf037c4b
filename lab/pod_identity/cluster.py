"""The Kubernetes API, as far as this service is allowed to use it."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
LIMIT = aiohttp.ClientTimeout(total=10)


class ClusterError(Exception):
    """The API server does not answer, or refuses."""


@dataclass(frozen=True)
class ClusterApi:
    """A client of the API with the identity of the service account that the token in the file `token` belongs to."""

    session: aiohttp.ClientSession
    token: Path

    async def get(self, path: str) -> dict[str, Any]:
        return await self.request("GET", path)

    async def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self.request("POST", path, json=body)

    async def patch(self, path: str, changes: list[dict[str, Any]]) -> dict[str, Any]:
        """Change an object by a JSON patch (RFC 6902)."""
        return await self.request("PATCH", path, json=changes, headers={"Content-Type": "application/json-patch+json"})

    async def request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """One request, with the token as it is now: the kubelet renews it.

        Raises:
            ClusterError: see there; the message has the status and no token.
        """
        headers = {"Authorization": f"Bearer {self.token.read_text().strip()}", **options.pop("headers", {})}
        try:
            async with self.session.request(method, path, headers=headers, **options) as answer:
                if answer.status >= 400:
                    raise ClusterError(f"the Kubernetes API answered {answer.status} to {method} {path}")
                found: dict[str, Any] = await answer.json()
                return found
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ClusterError(f"the Kubernetes API does not answer to {method} {path}: {error}") from error


@asynccontextmanager
async def of_this_pod() -> AsyncIterator[ClusterApi]:
    """The cluster by what the kubelet gives every pod ("Accessing the Kubernetes API from a Pod")."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=ACCOUNT / "ca.crt"))
    async with aiohttp.ClientSession(f"https://{host}:{port}", connector=connector, timeout=LIMIT) as session:
        yield ClusterApi(session, ACCOUNT / "token")
