"""What LocalStack refuses: the error that Amazon documents for it, and that it changed nothing."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.localstack.conftest import AGENT, PERSON, ROLE, LocalStack
from tests.localstack.hostile import HOSTILE, OTHER, at
from tests.localstack.signing import Request

BUCKET = "data"
CONTENT = b"the bytes that stay"


@pytest.fixture
def server(running: LocalStack) -> Iterator[LocalStack]:
    """The same, which ends every test as it began."""
    client = running.client()
    client.put_object(Bucket=BUCKET, Key="dvc/kept", Body=CONTENT)
    yield running
    assert client.get_object(Bucket=BUCKET, Key="dvc/kept")["Body"].read() == CONTENT
    assert [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["dvc/kept"]


def url(server: LocalStack, version: str, seconds: int = 600, keys: dict[str, str] | None = None) -> Request:
    """A presigned URL of the object, signed by Version 2 ("s3") or 4 ("s3v4")."""
    client = server.client(keys=(keys or PERSON), config=Config(signature_version=version))
    made = client.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "dvc/kept"}, ExpiresIn=seconds)
    parts = urlsplit(made)
    return Request(server.port, "GET", f"{parts.path}?{parts.query}", {"Host": parts.netloc})


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_request_is_refused_and_changes_nothing(server: LocalStack, name: str) -> None:
    make, status, code = HOSTILE[name]
    answer = make(server.port).send()
    assert (answer.status, answer.code) == (status, code)
    assert CONTENT not in answer.body
    assert not any(header.startswith("access-control") for header in answer.headers)


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_serves_what_it_was_signed_for_and_nothing_else(server: LocalStack, version: str) -> None:
    good = url(server, version)
    assert good.send().body == CONTENT
    assert good.but(target=good.target.replace("kept", "other")).send().code == "SignatureDoesNotMatch"
    assert good.but(method="DELETE").send().code == "SignatureDoesNotMatch"
    assert good.but(headers={"x-amz-acl": "public-read"}).send().status == 403
    assert url(server, version, keys=OTHER).send().code == "SignatureDoesNotMatch"
    assert url(server, version, keys={**OTHER, "aws_access_key_id": "AKIA"}).send().code == "InvalidAccessKeyId"
    late = at(-timedelta(hours=1), lambda: url(server, version))
    answer = late.send()
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert b"Request has expired" in answer.body


def test_a_presigned_url_holds_for_a_week_at_most(server: LocalStack) -> None:
    assert url(server, "s3v4", seconds=7 * 24 * 3600).send().status == 200
    assert url(server, "s3v4", seconds=7 * 24 * 3600 + 1).send().status == 400


def test_a_websocket_is_refused(server: LocalStack) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        lines = ("GET / HTTP/1.1", f"Host: 127.0.0.1:{server.port}", "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "", "")  # fmt: skip
        connection.sendall("\r\n".join(lines).encode())
        assert b" 403 " in connection.recv(4096).partition(b"\r\n")[0]


def test_credentials_that_were_issued_are_refused_when_anything_of_them_is_changed(server: LocalStack) -> None:
    one, two = server.session(), server.session()
    assert server.client(keys=one).get_object(Bucket=BUCKET, Key="dvc/kept")["Body"].read() == CONTENT
    token = one["aws_session_token"]
    changed = {
        "SignatureDoesNotMatch": {"aws_secret_access_key": two["aws_secret_access_key"]},
        "InvalidToken": {"aws_session_token": token[:-6] + ("A" if token[-6] != "A" else "B") + token[-5:]},
        "InvalidAccessKeyId": {"aws_session_token": two["aws_session_token"]},
    }
    for code, part in changed.items():
        assert refusal(server, {**one, **part}) == code
    alone = {name: value for name, value in one.items() if name != "aws_session_token"}
    assert refusal(server, alone) == "InvalidAccessKeyId"
    assert refusal(server, {**PERSON, "aws_session_token": token}) == "InvalidAccessKeyId"


def refusal(server: LocalStack, keys: dict[str, str]) -> str:
    """The code with which a write with these keys is refused."""
    with pytest.raises(ClientError) as refused:
        server.client(keys=keys).put_object(Bucket=BUCKET, Key="dvc/kept", Body=b"x")
    return str(refused.value.response["Error"]["Code"])


def test_credentials_end(server: LocalStack) -> None:
    """The test has the key of this LocalStack, and issues credentials that have expired."""
    program = (
        "import importlib.util, json, sys\n"
        "spec = importlib.util.spec_from_file_location('sessions', sys.argv[1])\n"
        "module = importlib.util.module_from_spec(spec); sys.modules['sessions'] = module\n"
        "spec.loader.exec_module(module)\n"
        "issued = module.Sessions(sys.argv[2]).issue(module.Session(sys.argv[3], 'name', int(sys.argv[4])))\n"
        "print(json.dumps([issued.access_key, issued.secret_key, issued.token]))\n"
    )
    file = server.start_hooks.parent / "lab_hooks" / "signed_requests" / "sessions.py"

    def issued(end: float) -> dict[str, str]:
        printed = subprocess.run(
            [server.python, "-c", program, str(file), server.session_key, ROLE, str(int(end))],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        return dict(zip(names, json.loads(printed), strict=True))

    server.client(keys=issued(time.time() + 60)).head_object(Bucket=BUCKET, Key="dvc/kept")
    assert refusal(server, issued(time.time() - 1)) == "ExpiredToken"


@pytest.mark.parametrize("keys", [PERSON, None], ids=["the person", "a session"])
def test_roles_are_for_the_agent_alone(server: LocalStack, keys: dict[str, str] | None) -> None:
    sts = server.client("sts", (keys or server.session()))
    with pytest.raises(ClientError, match=r"AccessDenied.*not authorized to perform: sts:AssumeRole"):
        sts.assume_role(RoleArn=ROLE, RoleSessionName="name")
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.get_session_token()


def test_the_agents_key_is_for_nothing_else(server: LocalStack) -> None:
    assert refusal(server, AGENT) == "AccessDenied"
    with pytest.raises(ClientError, match="AccessDenied"):
        server.client("iam", AGENT).list_roles()
    with pytest.raises(ClientError, match=r"AccessDenied.*no role"):
        server.client("sts", AGENT).assume_role(RoleArn=f"{ROLE}-other", RoleSessionName="name")


@pytest.mark.parametrize(
    "asked",
    [{"RoleSessionName": "two words"}, {"DurationSeconds": 43201}, {"Policy": "no JSON"}],
    ids=lambda asked: next(iter(asked)),
)
def test_a_session_is_what_sts_documents(server: LocalStack, asked: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as refused:
        server.client("sts", AGENT).assume_role(**{"RoleArn": ROLE, "RoleSessionName": "name", **asked})
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_nothing_starts_without_the_persons_key(localstack: LocalStack) -> None:
    process = localstack.spawn(LAB_S3_SECRET_ACCESS_KEY="")
    assert process.wait(60) == 70
    assert "LAB_S3_SECRET_ACCESS_KEY" in localstack.log.read_text()


def test_no_log_has_a_secret(server: LocalStack) -> None:
    session = server.session("of-this-test")
    server.client(keys=session).list_objects_v2(Bucket=BUCKET, Prefix="dvc/")
    url(server, "s3v4", keys=session).send()
    log = server.log.read_text()
    for secret in (PERSON, AGENT, session):
        assert secret["aws_secret_access_key"] not in log
    assert session["aws_session_token"] not in log


@pytest.mark.parametrize(
    "change",
    [
        "from localstack.services.s3.provider import S3Provider\nS3Provider.upload_part = lambda self, context: None\n",
        "from localstack.services.s3 import presigned_url\ndel presigned_url.get_credentials_from_parameters\n",
        "from localstack.runtime import get_current_runtime\n"
        "from localstack.aws import handlers\n"
        "get_current_runtime().components.gateway.request_handlers.remove(handlers.parse_service_request)\n",
    ],
    ids=["chunks", "urls", "handlers"],
)
def test_a_localstack_that_is_built_otherwise_does_not_start(localstack: LocalStack, change: str) -> None:
    (localstack.start_hooks / "another_version.py").write_text(change)
    process = localstack.spawn(LAB_DURABLE_S3_DIR="")
    assert process.wait(60) == 70
    assert "they would not be checked" in localstack.log.read_text()
