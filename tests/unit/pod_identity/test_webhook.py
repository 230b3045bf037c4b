"""What the webhook makes of a pod, and its TLS."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from lab.pod_identity import webhook
from lab.pod_identity.__main__ import probes
from lab.pod_identity.certificate import Certificate
from tests.unit.pod_identity.stand_in import serving

FOLDER = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"
GIVEN = {
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": f"{FOLDER}/eks-pod-identity-token",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_REGION": "eu-west-1",
    "AWS_STS_REGIONAL_ENDPOINTS": "regional",
}
TOKEN = {"audience": "pods.eks.amazonaws.com", "expirationSeconds": 86400, "path": "eks-pod-identity-token"}

Object = dict[str, Any]


def pod(account: str = "airflow-dvc-sa", **container: Any) -> Object:
    return {
        "metadata": {"name": "one"},
        "spec": {"serviceAccountName": account, "containers": [{"name": "base", **container}]},
    }


def reviewed(folder: Path, asked: Object) -> tuple[Object, Object]:
    """The webhook's response, and the pod that it makes of the one asked for."""

    async def run() -> Object:
        async with (
            serving(folder) as service,
            TestServer(webhook.application(service.associations, "eu-west-1")) as server,
            aiohttp.ClientSession() as session,
        ):
            request = {"uid": "7", "namespace": "airflow", "object": asked}
            review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
            async with session.post(server.make_url("/mutate"), json=review) as answer:
                body: Object = await answer.json()
                assert (body["apiVersion"], body["kind"]) == (review["apiVersion"], review["kind"])
                return dict(body["response"])

    response = asyncio.run(run())
    made: Object = json.loads(json.dumps(asked))
    for change in json.loads(base64.b64decode(response.get("patch", "W10="))):
        _, part, name = change["path"].split("/")
        made[part][name] = change["value"]
    return response, made


def variables(container: Object) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container.get("env", [])}


def test_a_pod_with_an_association_gets_the_address_of_credentials(tmp_path: Path) -> None:
    asked = pod(env=[{"name": "A", "value": "1"}], volumeMounts=[{"name": "shared", "mountPath": "/shared"}])
    asked["spec"] |= {"initContainers": [{"name": "first"}], "volumes": [{"name": "shared", "emptyDir": {}}]}
    response, made = reviewed(tmp_path, asked)
    assert (response["uid"], response["allowed"], response["patchType"]) == ("7", True, "JSONPatch")
    (base,), (first,) = made["spec"]["containers"], made["spec"]["initContainers"]
    assert variables(base) == {"A": "1", **GIVEN}
    assert variables(first) == GIVEN
    mount = {"name": "eks-pod-identity-token", "mountPath": FOLDER, "readOnly": True}
    assert base["volumeMounts"] == [{"name": "shared", "mountPath": "/shared"}, mount]
    volume = {"name": "eks-pod-identity-token", "projected": {"sources": [{"serviceAccountToken": TOKEN}]}}
    assert made["spec"]["volumes"] == [volume, {"name": "shared", "emptyDir": {}}]
    assert made["metadata"]["labels"] == {"eks.amazonaws.com/pod-identity": "enabled"}


def test_what_a_pod_says_itself_stands(tmp_path: Path) -> None:
    own = [
        {"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "value": "http://127.0.0.1/mine"},
        {"name": "AWS_REGION", "value": "us-east-2"},
    ]
    _, made = reviewed(tmp_path, pod(env=own))
    assert variables(made["spec"]["containers"][0]) == {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/mine",
        "AWS_REGION": "us-east-2",
        "AWS_STS_REGIONAL_ENDPOINTS": "regional",
    }


def test_skipped_containers_stay_as_they_are(tmp_path: Path) -> None:
    asked = pod()
    asked["spec"]["containers"].append({"name": "sidecar"})
    asked["metadata"]["annotations"] = {"eks.amazonaws.com/skip-containers": "other, sidecar"}
    _, made = reviewed(tmp_path, asked)
    assert variables(made["spec"]["containers"][0]) == GIVEN
    assert made["spec"]["containers"][1] == {"name": "sidecar"}


def test_a_pod_with_an_identity_is_not_changed_again(tmp_path: Path) -> None:
    _, once = reviewed(tmp_path, pod())
    _, twice = reviewed(tmp_path, once)
    assert twice == once


def test_a_pod_without_an_association_is_let_through_as_it_is(tmp_path: Path) -> None:
    response, made = reviewed(tmp_path, pod("default"))
    assert response == {"uid": "7", "allowed": True}
    assert made == pod("default")


def test_the_cluster_knows_the_certificate_that_is_served_also_after_its_renewal(tmp_path: Path) -> None:
    async def get(url: str, bundle: str) -> int:
        tls = ssl.create_default_context(cadata=base64.b64decode(bundle).decode())
        async with aiohttp.ClientSession() as session, session.get(url, ssl=tls) as answer:
            return answer.status

    async def run() -> None:
        certificate = Certificate(tmp_path)
        server = TestServer(probes(certificate), scheme="https")
        async with serving(tmp_path) as service, AsyncExitStack() as stack:
            await server.start_server(ssl=certificate.tls)
            stack.push_async_callback(server.close)
            url = str(server.make_url("/readyz"))
            for _ in range(2):
                await certificate.register(service.cluster)
                assert await get(url, service.stand_in.ca_bundle) == 200
                certificate.renew()
                assert certificate.is_known is False

    asyncio.run(run())


def test_a_service_that_the_cluster_does_not_know_yet_is_not_ready(tmp_path: Path) -> None:
    async def status() -> int:
        application: web.Application = probes(Certificate(tmp_path))
        async with (
            TestServer(application) as server,
            aiohttp.ClientSession() as session,
            session.get(server.make_url("/readyz")) as answer,
        ):
            return answer.status

    assert asyncio.run(status()) == 503
