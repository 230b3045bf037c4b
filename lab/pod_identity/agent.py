"""The agent: answers AWS SDKs in pods with the credentials of their service account's role."""

from __future__ import annotations

import logging

from aiohttp import web

from lab.pod_identity.associations import Associations, BadAssociationsError
from lab.pod_identity.cluster import ClusterError
from lab.pod_identity.roles import RefusedError, Roles
from lab.pod_identity.tokens import BadTokenError, Tokens, TooManyError

log = logging.getLogger(__name__)

HOST, PORT, PATH = "169.254.170.23", 80, "/v1/credentials"
URL = f"http://{HOST}{PATH}"


def application(tokens: Tokens, associations: Associations, roles: Roles) -> web.Application:
    """Its one route. An error is a line of text with its status, which botocore puts into its own error as it is."""

    async def answer(request: web.Request) -> web.Response:
        try:
            pod = await tokens.pod(request.headers.get("Authorization", ""), request.remote or "")
        except TooManyError as error:
            return refusal(429, f"{request.remote}: {error}")
        except BadTokenError as error:
            return refusal(401, f"{request.remote}: {error}")
        except ClusterError as error:
            return refusal(503, str(error))
        account = f"{pod.namespace}/{pod.account}"
        try:
            role = await associations.role(pod.namespace, pod.account)
            if role is None:
                return refusal(404, f"there is no pod identity association for the service account {account}")
            found = await roles.credentials(pod, role)
        except (ClusterError, BadAssociationsError, RefusedError) as error:
            return refusal(503, f"{account}: {error}")
        return web.json_response(found.answer)

    web_application = web.Application()
    web_application.router.add_get(PATH, answer)
    return web_application


def refusal(status: int, message: str) -> web.Response:
    log.warning("%d: %s", status, message)
    return web.Response(status=status, text=f"{message}\n")
