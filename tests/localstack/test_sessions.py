"""Issued credentials: what they may do, that a restart forgets none, and which addresses LocalStack answers at."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.localstack.conftest import AGENT, ROLE, LocalStack
from tests.localstack.signing import Request

BUCKET = "data"


def test_credentials_outlive_a_restart(localstack: LocalStack) -> None:
    localstack.start().create_bucket(Bucket=BUCKET)
    keys = localstack.session(Tags=[{"Key": "kubernetes-pod-name", "Value": "a-pod"}])
    localstack.client(keys=keys).put_object(Bucket=BUCKET, Key="dvc/before", Body=b"1")
    localstack.restart()
    client = localstack.client(keys=keys)
    assert client.get_object(Bucket=BUCKET, Key="dvc/before")["Body"].read() == b"1"
    assert localstack.client("sts", keys).get_caller_identity()["Arn"].endswith("/mlops-lab-dvc/eks-lab-pod")
    localstack.kill()
    localstack.start(LAB_S3_SESSION_KEY="another key: every credential of the first is void")
    with pytest.raises(ClientError, match="InvalidToken"):
        localstack.client(keys=keys).get_object(Bucket=BUCKET, Key="dvc/before")


DENIED: dict[str, tuple[str, dict[str, Any]]] = {
    "another prefix": ("put_object", {"Key": "other/x", "Body": b""}),
    "a list of everything": ("list_objects_v2", {}),
    "a list of another prefix": ("list_objects_v2", {"Prefix": "other/"}),
    "a deletion of a log": ("delete_object", {"Key": "logs/x"}),
    "a deletion of logs": ("delete_objects", {"Delete": {"Objects": [{"Key": "dvc/x"}, {"Key": "logs/x"}]}}),
    "a copy from elsewhere": ("copy_object", {"Key": "dvc/x", "CopySource": "data/other/x"}),
    "a copy out of the quarantine": (
        "copy_object",
        {"Key": "dvc/x", "CopySource": "data/quarantine/20261121T113152Z/dvc/x"},
    ),
    "a deletion in the quarantine": ("delete_object", {"Key": "quarantine/20261121T113152Z/dvc/x"}),
    "the bucket": ("delete_bucket", {}),
    "its policy": ("get_bucket_policy", {}),
    "its versions": ("list_object_versions", {"Prefix": "dvc/"}),
}


@pytest.mark.parametrize("name", DENIED)
def test_a_session_is_denied_what_the_role_on_eks_is(running: LocalStack, name: str) -> None:
    method, asked = DENIED[name]
    with pytest.raises(ClientError) as refused:
        getattr(running.client(keys=running.session()), method)(Bucket=BUCKET, **asked)
    assert refused.value.response["Error"]["Code"] in ("AccessDenied", "403")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_session_is_denied_other_buckets_and_their_list(running: LocalStack) -> None:
    client = running.client(keys=running.session())
    for call in (client.list_buckets, lambda: client.create_bucket(Bucket="mine"),
                 lambda: client.put_object(Bucket="datax", Key="dvc/x")):  # fmt: skip
        with pytest.raises(ClientError, match="AccessDenied"):
            call()


def test_a_session_policy_takes_away_and_adds_nothing(running: LocalStack) -> None:
    arn = f"arn:aws:s3:::{BUCKET}"
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": [f"{arn}/dvc/a/*", f"{arn}/other/*"]}
    client = running.client(keys=running.session(Policy=json.dumps({"Version": "2012-10-17", "Statement": allowed})))
    client.put_object(Bucket=BUCKET, Key="dvc/a/x", Body=b"")
    for key in ("dvc/b/x", "other/x"):
        with pytest.raises(ClientError, match="AccessDenied"):
            client.put_object(Bucket=BUCKET, Key=key, Body=b"")


def test_a_change_of_the_roles_counts_at_once(localstack: LocalStack) -> None:
    localstack.start().create_bucket(Bucket=BUCKET)
    client = localstack.client(keys=localstack.session())
    client.put_object(Bucket=BUCKET, Key="dvc/x", Body=b"")
    for text in ("{}", "no JSON", "[]"):
        localstack.roles.write_text(text, "utf-8")
        with pytest.raises(ClientError, match="AccessDenied"):
            client.put_object(Bucket=BUCKET, Key="dvc/x", Body=b"")
    tagged = {"StringEquals": {"aws:PrincipalTag/team": "a"}}
    own = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*", "Condition": tagged}
    localstack.roles.write_text(json.dumps({ROLE: {"Statement": [own]}}), "utf-8")
    for team, is_allowed in (("a", True), ("b", False)):
        client = localstack.client(keys=localstack.session(Tags=[{"Key": "team", "Value": team}]))
        if is_allowed:
            client.put_object(Bucket=BUCKET, Key="dvc/x", Body=b"")
        else:
            with pytest.raises(ClientError, match="AccessDenied"):
                client.put_object(Bucket=BUCKET, Key="dvc/x", Body=b"")


def test_further_hosts_can_be_named(localstack: LocalStack) -> None:
    localstack.start(LAB_S3_HOSTS="localstack.platform:4566, named.example")
    health = Request(localstack.port, "GET", "/_localstack/health")
    for name in ("localstack.platform:4566", "named.example", "named.example:7", f"localhost:{localstack.port}"):
        assert health.but(headers={"Host": name}).send().status == 200
    for name in ("localstack.platform", "localstack.platform:80", "evil.named.example", ""):
        assert health.but(headers={"Host": name}).send().status == 403


def test_a_page_of_the_same_origin_is_no_stranger(running: LocalStack) -> None:
    client = running.client()
    client.put_object(Bucket=BUCKET, Key="dvc/page", Body=b"x")
    url = client.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": "dvc/page"})
    assert httpx.get(url, headers={"Origin": running.url}, trust_env=False).status_code == 200


def test_without_an_agent_no_role_can_be_assumed(localstack: LocalStack) -> None:
    names = ("AGENT_ACCESS_KEY_ID", "AGENT_SECRET_ACCESS_KEY", "SESSION_KEY", "ROLES_FILE")
    localstack.start(**{f"LAB_S3_{name}": "" for name in names}).create_bucket(Bucket=BUCKET)
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        localstack.client("sts", AGENT).assume_role(RoleArn=ROLE, RoleSessionName="name")
    with pytest.raises(ClientError, match="AccessDenied"):
        localstack.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="name")


def test_half_of_an_agents_settings_are_refused(localstack: LocalStack) -> None:
    assert localstack.spawn(LAB_S3_SESSION_KEY="").wait(60) == 70
    assert "LAB_S3_SESSION_KEY" in localstack.log.read_text()
