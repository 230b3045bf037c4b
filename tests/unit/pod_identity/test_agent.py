"""What a pod's AWS SDK gets of the agent, and what it is refused."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from lab.pod_identity.tokens import REFUSED
from tests.unit.pod_identity.stand_in import ONE, Service, serving, token

Answer = tuple[int, str]

SDK = "import boto3; print(boto3.Session().get_credentials().get_frozen_credentials().access_key)"


async def ask(service: Service, header: str | None) -> Answer:
    headers = {} if header is None else {"Authorization": header}
    async with aiohttp.ClientSession() as session, session.get(service.url, headers=headers) as answer:
        return answer.status, await answer.text()


def with_service(folder: Path, use: Callable[[Service], Awaitable[None]]) -> None:
    async def run() -> None:
        async with serving(folder) as service:
            await use(service)

    asyncio.run(run())


def test_an_sdk_takes_the_answer(tmp_path: Path) -> None:
    async def use(service: Service) -> None:
        (tmp_path / "projected").write_text(token())
        variables = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": service.url,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "projected"),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        command = [sys.executable, "-c", SDK]
        printed = await asyncio.to_thread(subprocess.check_output, command, env=variables, text=True)
        assert printed == "ASIA1\n"

    with_service(tmp_path, use)


def test_the_session_carries_what_eks_says_of_a_pod(tmp_path: Path) -> None:
    async def use(service: Service) -> None:
        assert (await ask(service, token("a-pod-with-a-name-of-more-than-forty-characters")))[0] == 200
        (asked,) = service.stand_in.assumed
        tags = {asked[f"Tags.member.{n}.Key"]: asked[f"Tags.member.{n}.Value"] for n in range(1, 7)}
        assert tags == {
            "eks-cluster-arn": "arn:aws:eks:eu-west-1:000000000000:cluster/lab",
            "eks-cluster-name": "lab",
            "kubernetes-namespace": "airflow",
            "kubernetes-service-account": "airflow-dvc-sa",
            "kubernetes-pod-name": "a-pod-with-a-name-of-more-than-forty-characters",
            "kubernetes-pod-uid": "a-pod-with-a-name-of-more-than-forty-characters",
        }
        assert {asked[f"TransitiveTagKeys.member.{n}"] for n in range(1, 7)} == set(tags)
        assert asked["RoleSessionName"].startswith("eks-lab-a-pod")
        assert len(asked["RoleSessionName"]) == 64

    with_service(tmp_path, use)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "not a token",
        token().rpartition(".")[0] + ".forged",
        token(seconds=-10),
        token(audience="sts.amazonaws.com"),
        token(""),
    ],
    ids=["none", "empty", "garbage", "forged", "expired", "wrong-audience", "no-pod"],
)
def test_a_bad_token_gets_401_and_stands_in_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, header: str | None
) -> None:
    async def use(service: Service) -> None:
        status, text = await ask(service, header)
        assert status == 401
        assert service.stand_in.assumed == []
        assert "401" in caplog.text
        if header:
            assert header not in text + caplog.text

    with_service(tmp_path, use)


def test_a_pod_that_sends_garbage_has_the_cluster_asked_a_few_times_and_no_more(tmp_path: Path) -> None:
    async def use(service: Service) -> None:
        one = token()
        assert (await ask(service, one))[0] == 200
        asked_before = service.stand_in.reviews
        garbage = [token(f"pod-{number}").rpartition(".")[0] + ".forged" for number in range(50)]
        answers = await asyncio.gather(*(ask(service, each) for each in garbage))
        assert {status for status, _ in answers} == {401, 429}
        assert service.stand_in.reviews - asked_before == REFUSED
        assert (await ask(service, token("new")))[0] == 429
        assert (await ask(service, one))[0] == 200, "what the cluster has accepted stays accepted"

    with_service(tmp_path, use)


def test_a_pod_that_sent_garbage_is_heard_again_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(service: Service) -> None:
        for number in range(REFUSED):
            assert (await ask(service, f"garbage {number}"))[0] == 401
        assert (await ask(service, token()))[0] == 429
        monkeypatch.setattr("lab.pod_identity.tokens.REFUSED_IN", 0)
        assert (await ask(service, token()))[0] == 200

    with_service(tmp_path, use)


def test_pods_that_are_not_refused_do_not_count_against_each_other(tmp_path: Path) -> None:
    async def use(service: Service) -> None:
        for number in range(3 * REFUSED):
            assert (await ask(service, token(f"pod-{number}")))[0] == 200
            service.stand_in.is_away = True
            assert (await ask(service, token(f"unknown-{number}")))[0] == 503
            service.stand_in.is_away = False

    with_service(tmp_path, use)


def test_roles_are_assumed_with_the_agents_own_key(tmp_path: Path) -> None:
    async def use(service: Service) -> None:
        assert (await ask(service, token()))[0] == 200
        assert service.stand_in.signed_by == ["LABAGENT"]

    with_service(tmp_path, use)


def test_an_account_without_an_association_is_named(tmp_path: Path) -> None:
    async def use(service: Service) -> None:
        status, text = await ask(service, token(account="default"))
        assert (status, "airflow/default" in text) == (404, True)

    with_service(tmp_path, use)


def test_a_removed_association_gives_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.pod_identity.associations.SECONDS", 0)

    async def use(service: Service) -> None:
        assert (await ask(service, token()))[0] == 200
        service.stand_in.associations = ""
        assert (await ask(service, token()))[0] == 404
        service.stand_in.associations = ONE
        assert (await ask(service, token()))[0] == 200

    with_service(tmp_path, use)


def test_credentials_are_made_once_for_all_who_ask(tmp_path: Path) -> None:
    async def use(service: Service) -> None:
        one = token()
        answers = await asyncio.gather(*(ask(service, one) for _ in range(20)))
        assert {status for status, _ in answers} == {200}
        assert len({text for _, text in answers}) == len(service.stand_in.assumed) == service.stand_in.reviews == 1

    with_service(tmp_path, use)


def test_credentials_are_renewed_before_an_sdk_would_ask_again(tmp_path: Path) -> None:
    async def use(service: Service) -> None:
        service.stand_in.lifetime = 900  # SDKs ask again 15 minutes before the end
        assert (await ask(service, token()))[0] == 200
        service.stand_in.lifetime = 3600
        async with asyncio.timeout(10):  # such short ones are kept for a second, or each request would make new ones
            while "ASIA1" in (await ask(service, token()))[1]:
                pass
        assert "ASIA2" in (await ask(service, token()))[1]
        assert len(service.stand_in.assumed) == 2

    with_service(tmp_path, use)


def test_a_cluster_or_an_sts_that_does_not_answer_is_503(tmp_path: Path) -> None:
    async def use(service: Service) -> None:
        service.stand_in.refuses_roles = True
        status, text = await ask(service, token())
        assert (status, "mlops-lab-dvc" in text) == (503, True)
        service.stand_in.is_away = True
        assert (await ask(service, token("another")))[0] == 503
        service.stand_in.is_away = service.stand_in.refuses_roles = False
        assert (await ask(service, token()))[0] == 200

    with_service(tmp_path, use)


def test_known_pods_keep_their_credentials_while_the_cluster_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.pod_identity.associations.SECONDS", 0)

    async def use(service: Service) -> None:
        one = token()
        assert (await ask(service, one))[0] == 200
        service.stand_in.is_away = True
        assert (await ask(service, one))[0] == 200

    with_service(tmp_path, use)
