"""When the service polls, what its log says, and which webhooks it accepts."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from lab.triggers import webhook
from lab.triggers.service import TriggerService
from tests.unit.support import fake_program
from tests.unit.triggers.stand_in import World, a_world, in_a_world

SECRET = b"only the Git host and the service know it"
BODY = b'{"ref": "refs/heads/main"}'


def signature(body: bytes = BODY, secret: bytes = SECRET) -> str:
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


async def becomes(condition: Callable[[], bool], limit: float = 20) -> None:
    """Return as soon as it is true; the test fails after `limit` seconds."""

    async def wait() -> None:
        while not condition():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(wait(), limit)


async def post(headers: dict[str, str], body: bytes = BODY) -> tuple[int, int]:
    """What a webhook with these headers is answered, and how many pushes that made."""
    pushes: list[bool] = []
    application = webhook.application(SECRET, lambda: pushes.append(True), lambda: True)
    async with TestClient(TestServer(application)) as client:
        answer = await client.post(webhook.PATH, headers=headers, data=io.BytesIO(body))
        return answer.status, len(pushes)


@pytest.mark.parametrize(
    "headers",
    [{"X-Gitea-Signature": signature()}, {"X-Hub-Signature-256": f"sha256={signature()}"}],
    ids=["Gitea", "GitHub"],
)
def test_a_signed_webhook_is_believed(headers: dict[str, str]) -> None:
    assert asyncio.run(post(headers)) == (202, 1)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Gitea-Signature": ""},
        {"X-Gitea-Signature": signature(b"another body")},
        {"X-Gitea-Signature": signature(secret=b"another secret")},
        {"X-Gitea-Signature": signature()[:-1]},
        {"X-Gitea-Signature": signature(secret=b"")},
        {"X-Gitea-Signature": "ä" * 64},
        {"X-Hub-Signature": f"sha1={hmac.new(SECRET, BODY, hashlib.sha1).hexdigest()}"},
    ],
    ids=["none", "empty", "body", "secret", "cut", "no secret", "not ASCII", "SHA-1"],
)
def test_another_webhook_is_refused_and_logged_without_its_signature(
    headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    assert asyncio.run(post(headers)) == (403, 0)
    (line,) = [record.getMessage() for record in caplog.records if record.name == webhook.__name__]
    assert "refused a webhook from 127.0.0.1" in line
    assert not [value for value in headers.values() if value and value in line]


def test_a_webhook_without_end_is_not_read(caplog: pytest.LogCaptureFixture) -> None:
    body = b"." * (webhook.LARGEST + 1)
    assert asyncio.run(post({"X-Gitea-Signature": signature(body)}, body)) == (413, 0)


def test_it_looks_at_its_start_and_at_a_push_without_waiting(tmp_path: Path) -> None:
    async def use(world: World) -> None:
        world.push()
        service = TriggerService(world.service, seconds=3600)
        running = asyncio.create_task(service.run())
        await becomes(lambda: len(world.airflow.events) == 1)
        world.push()
        service.pushed()
        service.pushed()
        await becomes(lambda: len(world.airflow.events) == 2)
        running.cancel()

    in_a_world(tmp_path, use)


def test_it_is_ready_when_it_knows_what_was_there_before_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with a_world(tmp_path) as world:
            world.airflow.is_away = True
            service = TriggerService(world.service, seconds=3600)
            await service.look()
            assert not service.ready
            world.airflow.is_away = False
            await service.look()
            assert service.ready
            assert world.airflow.variable

    asyncio.run(run())


def test_a_trouble_that_took_longer_is_the_same_trouble(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(world: World) -> None:
        said = "fatal: Failed to connect to gitea port 3000 after $$ ms: Could not connect to server"
        fake_program(tmp_path, monkeypatch, "git", f'echo "{said}" >&2; exit 128')
        world.start()
        service = TriggerService(world.service, seconds=3600)
        for _ in range(3):
            await service.look()
        (line,) = [record.getMessage() for record in caplog.records]
        assert line.startswith("git ls-remote: fatal: Failed to connect")

    in_a_world(tmp_path, use)


def test_the_log_has_one_line_for_each_change_of_state_and_the_file_the_trouble(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def use(world: World) -> None:
        caplog.set_level(logging.INFO)
        caplog.clear()
        state = tmp_path / "state"
        service = TriggerService(world.service, seconds=3600, state_file=state)
        world.airflow.is_loaded = False
        world.push()
        states = []
        for is_away in (False, False, True, True, True, False):
            world.airflow.is_away = is_away
            await service.look()
            states.append(state.read_text("utf-8").strip())
        waiting = "Airflow has loaded no DAG that names the asset lab://datasets/changed"
        away = "Airflow answered 503 to POST /auth/token"
        assert [record.getMessage() for record in caplog.records] == [waiting, away, waiting]
        assert states == ["", "", away, away, away, ""]
        world.airflow.is_loaded = True
        await service.look()
        assert caplog.records[-1].getMessage() == "recovered"

    in_a_world(tmp_path, use)
