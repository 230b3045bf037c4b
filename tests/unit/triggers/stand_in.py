"""A repository with a person at work in it, and a server that answers as Airflow's REST API does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from lab.pipeline.git import Repository
from lab.triggers.airflow import VARIABLE, AirflowEvents
from lab.triggers.history import Watched
from lab.triggers.watcher import Watcher
from tests.unit.support import commit, git, new_repository

URI = "lab://datasets/changed"
DATA = "datasets/a.csv.dvc"
RUN = "Data version\n\nRun-Id: manual__1\nDag-Id: dataset_pipeline"
SEED = "Data version\n\nData-Seed: 2025"


@dataclass
class StandIn:
    """What Airflow knows; `loses` answers 500 to an event that it has recorded nevertheless."""

    is_loaded: bool = True
    is_away: bool = False
    loses: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)
    variable: str | None = None

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self.unless_away])
        application.router.add_post("/auth/token", self.token)
        application.router.add_get("/api/v2/assets", self.assets)
        application.router.add_get("/api/v2/assets/events", self.listed)
        application.router.add_post("/api/v2/assets/events", self.record)
        application.router.add_get(f"/api/v2/variables/{VARIABLE}", self.value)
        application.router.add_patch(f"/api/v2/variables/{VARIABLE}", self.change)
        application.router.add_post("/api/v2/variables", self.make)
        return application

    @web.middleware
    async def unless_away(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.is_away:
            raise web.HTTPServiceUnavailable
        if request.path != "/auth/token" and request.headers.get("Authorization") != "Bearer t":
            raise web.HTTPUnauthorized
        answer: web.StreamResponse = await handler(request)
        return answer

    async def token(self, request: web.Request) -> web.Response:
        if await request.json() != {"username": "admin", "password": "p"}:
            raise web.HTTPUnauthorized
        return web.json_response({"access_token": "t"}, status=201)

    async def assets(self, request: web.Request) -> web.Response:
        assert request.query["uri_pattern"] == URI
        known = [{"id": 6, "uri": f"{URI}/too"}, {"id": 7, "uri": URI}]
        return web.json_response({"assets": known if self.is_loaded else known[:1]})

    async def listed(self, request: web.Request) -> web.Response:
        assert (request.query["asset_id"], request.query["order_by"]) == ("7", "-timestamp")
        return web.json_response({"asset_events": self.events[::-1][: int(request.query["limit"])]})

    async def record(self, request: web.Request) -> web.Response:
        self.events.append(await request.json())
        return web.json_response({}, status=500 if self.loses else 200)

    async def value(self, _: web.Request) -> web.Response:
        return web.json_response({"key": VARIABLE, "value": self.variable}, status=200 if self.variable else 404)

    async def change(self, request: web.Request) -> web.Response:
        return await self.keep(request, 200 if self.variable else 404)

    async def make(self, request: web.Request) -> web.Response:
        return await self.keep(request, 201)

    async def keep(self, request: web.Request, status: int) -> web.Response:
        if status < 400:
            self.variable = (await request.json())["value"]
        return web.json_response({}, status=status)


@dataclass
class World:
    """A person's clone of the watched repository, Airflow, and the service, which can be restarted."""

    folder: Path
    airflow: StandIn
    client: AirflowEvents
    person: Repository
    service: Watcher = field(init=False)
    starts: int = 0

    def __post_init__(self) -> None:
        self.start()

    @property
    def origin(self) -> str:
        return str(self.folder / "origin.git")

    def start(self) -> None:
        """A service that has nothing of the one before."""
        self.starts += 1
        clone = self.folder / f"clone-{self.starts}"
        self.service = Watcher(Watched(self.origin, "main", clone, dict(os.environ)), self.client, URI)

    def push(self, message: str = "By hand", name: str = DATA, *options: str) -> str:
        """Change a file, commit that, and push it."""
        before = self.person.folder / name
        text = before.read_text("utf-8") if before.exists() else ""
        made = commit(self.person, message, {name: f"{text}+"})
        self.person.run("push", "--quiet", *options, "origin", "HEAD:refs/heads/main")
        return made

    async def raised(self) -> list[dict[str, Any]]:
        """The `extra` of each event that one more look of the service raises."""
        before = len(self.airflow.events)
        await self.service.check()
        return [event["extra"] for event in self.airflow.events[before:]]


@contextlib.asynccontextmanager
async def a_world(folder: Path) -> AsyncIterator[World]:
    """A repository with one commit by a person, and a service that has not looked yet."""
    (folder / "origin.git").mkdir()
    git(folder / "origin.git", "init", "--quiet", "--bare", "--initial-branch=main")
    person = new_repository(folder / "person")
    person.run("remote", "add", "origin", str(folder / "origin.git"))
    (folder / "login.json").write_text(json.dumps({"admin": "p"}), "utf-8")
    airflow = StandIn()
    async with TestServer(airflow.application()) as server, aiohttp.ClientSession() as session:
        url = str(server.make_url("")).rstrip("/")
        world = World(folder, airflow, AirflowEvents(session, url, folder / "login.json"), person)
        world.push("What is there before the service")
        yield world


def in_a_world(folder: Path, use: Callable[[World], Awaitable[None]]) -> None:
    """Run `use` in a world in which the service has looked once."""

    async def run() -> None:
        async with a_world(folder) as world:
            assert await world.raised() == []
            await use(world)

    asyncio.run(run())
