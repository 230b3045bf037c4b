"""The service as pods and the API server meet it, on loopback; a server in the tests is its cluster and its STS.

That server answers as Kubernetes does: what it knows of tokens and associations is a test's to change.
"""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from lab.pod_identity import agent
from lab.pod_identity.associations import PATH as ASSOCIATIONS
from lab.pod_identity.associations import Associations
from lab.pod_identity.certificate import PATH as CONFIGURATION
from lab.pod_identity.cluster import ClusterApi
from lab.pod_identity.roles import Roles
from lab.pod_identity.tokens import AUDIENCE, Tokens
from lab.pod_identity.tokens import PATH as REVIEWS

ACCOUNT = "airflow-dvc-sa"
ROLE = "arn:aws:iam::000000000000:role/mlops-lab-dvc"
ONE = f"- {{namespace: airflow, serviceAccountName: airflow-dvc-sa, roleARN: '{ROLE}'}}\n"
ANSWER = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIA{number}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>session</SessionToken>
<Expiration>{end}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""
DENIED = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"


def token(pod: str = "a-pod", *, account: str = ACCOUNT, audience: str = AUDIENCE, seconds: int = 3600) -> str:
    """A token of the form that the cluster issues; the stand-in accepts every signature but `forged`."""
    claims = {"exp": int(time.time()) + seconds, "aud": [audience], "pod": pod, "sub": f"airflow:{account}"}
    return f"header.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.signature"


@dataclass
class StandIn:
    """What the cluster and STS know, and what they were asked."""

    associations: str = ONE
    is_away: bool = False
    refuses_roles: bool = False
    ca_bundle: str = ""
    lifetime: int = 3600
    reviews: int = 0
    assumed: list[dict[str, str]] = field(default_factory=list)
    signed_by: list[str] = field(default_factory=list)

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self.unless_away])
        application.router.add_get(ASSOCIATIONS, self.config_map)
        application.router.add_post(REVIEWS, self.review)
        application.router.add_get(CONFIGURATION, self.configuration)
        application.router.add_patch(CONFIGURATION, self.configure)
        application.router.add_post("/", self.assume)
        return application

    @web.middleware
    async def unless_away(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.is_away:
            raise web.HTTPServiceUnavailable
        answer: web.StreamResponse = await handler(request)
        return answer

    async def config_map(self, _: web.Request) -> web.Response:
        return web.json_response({"data": {"associations.yaml": self.associations}})

    async def review(self, request: web.Request) -> web.Response:
        self.reviews += 1
        spec = (await request.json())["spec"]
        text = spec["token"]
        try:
            _, middle, signature = text.split(".")
            claims = json.loads(base64.urlsafe_b64decode(middle + "=="))
        except ValueError:
            return web.json_response({"status": {"error": f"invalid bearer token {text}"}})
        if signature == "forged" or claims["exp"] < time.time():
            return web.json_response({"status": {"error": "invalid bearer token"}})
        common = set(claims["aud"]) & set(spec["audiences"])
        if not common:
            return web.json_response({"status": {"error": "token audiences are invalid for the target audiences"}})
        extra = {f"authentication.kubernetes.io/pod-{key}": [claims["pod"]] for key in ("name", "uid")}
        user = {"username": f"system:serviceaccount:{claims['sub']}", "extra": extra if claims["pod"] else {}}
        return web.json_response({"status": {"authenticated": True, "user": user, "audiences": list(common)}})

    async def configuration(self, _: web.Request) -> web.Response:
        config = {"url": "https://127.0.0.1:23443/mutate", **({"caBundle": self.ca_bundle} if self.ca_bundle else {})}
        return web.json_response({"webhooks": [{"clientConfig": config}]})

    async def configure(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/json-patch+json"
        (change,) = await request.json()
        assert change["path"] == "/webhooks/0/clientConfig/caBundle"
        self.ca_bundle = change["value"]
        return web.json_response({})

    async def assume(self, request: web.Request) -> web.Response:
        if self.refuses_roles:
            return web.Response(status=403, text=DENIED)
        self.signed_by.append(request.headers["Authorization"].partition("Credential=")[2].partition("/")[0])
        self.assumed.append({key: str(value) for key, value in (await request.post()).items()})
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.lifetime))
        return web.Response(content_type="text/xml", text=ANSWER.format(number=len(self.assumed), end=end))


@dataclass
class Service:
    """The agent's URL, and what it is made of."""

    stand_in: StandIn
    url: str
    associations: Associations
    cluster: ClusterApi


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Service]:
    """The agent, with its own cluster and STS."""
    stand_in = StandIn()
    (folder / "token").write_text("the service's own")
    async with (
        TestServer(stand_in.application()) as server,
        aiohttp.ClientSession(str(server.make_url("/"))) as session,
    ):
        cluster = ClusterApi(session, folder / "token")
        associations = Associations(cluster)
        cluster_arn = "arn:aws:eks:eu-west-1:000000000000:cluster/lab"
        roles = Roles(str(server.make_url("/")), "eu-west-1", cluster_arn, "LABAGENT", "the agent's secret")
        async with TestServer(agent.application(Tokens(cluster), associations, roles)) as own:
            yield Service(stand_in, str(own.make_url(agent.PATH)), associations, cluster)
