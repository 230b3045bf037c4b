"""What `lab eks` does with what it cannot use: one error, a way out, and nothing changed that is not listed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, TokenRetrievalError

from lab.engine.eks.cloud import Cloud
from lab.errors import CloudError
from tests.unit.conftest import Outcome
from tests.unit.eks.conftest import BUCKET, CLUSTER, TOML, Amazon, nothing_changed
from tests.unit.eks.service import ACCOUNT

Lab = Callable[..., Outcome]


def refuse(monkeypatch: pytest.MonkeyPatch, method: str, error: Exception) -> None:
    """Have AWS answer this call with an error, in the shape that it has from botocore."""
    real = Cloud.client

    def client(self: Cloud, service: str) -> Any:
        found = real(self, service)
        if hasattr(found, method):

            def fail(**_: Any) -> None:
                raise error

            monkeypatch.setattr(found, method, fail)
        return found

    monkeypatch.setattr(Cloud, "client", client)


def answer(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@pytest.mark.parametrize("command", [("plan",), ("up",), ("down", "--cluster", CLUSTER), ("run",)])
def test_credentials_of_another_account_are_refused(amazon: Amazon, lab: Lab, command: tuple[str, ...]) -> None:
    amazon.settings(TOML.replace(ACCOUNT, "111122223333"))
    outcome = lab("eks", *command)
    assert outcome.status == 3
    assert f"error: the credentials are of account {ACCOUNT}, eks.toml is of 111122223333" in outcome.err
    assert nothing_changed(amazon)


EXPIRED = [
    answer("ExpiredToken", "The security token included in the request is expired"),
    answer("InvalidClientTokenId", "The security token included in the request is invalid."),
    TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed"),
]


@pytest.mark.parametrize("error", EXPIRED, ids=lambda error: type(error).__name__)
def test_with_expired_credentials_up_is_refused_and_the_plan_says_so(
    amazon: Amazon, lab: Lab, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    refuse(monkeypatch, "get_caller_identity", error)
    outcome = lab("eks", "up")
    assert outcome.status == 12
    assert "credentials" in outcome.err.splitlines()[0]
    assert "hint: " in outcome.err
    planned = json.loads(lab("eks", "plan", "--json").out)
    assert {step["checked"] for step in planned["steps"]} == {False}
    assert len(planned["not_checked"]) == 1


def test_without_any_access_to_aws_the_plan_is_printed_from_what_is_known(
    amazon: Amazon, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    outcome = lab("eks")
    assert outcome.status == 0
    for name in (BUCKET, "mlops-lab-dvc", CLUSTER, "airflow/airflow-dvc-sa", "AWS was not asked"):
        assert name in outcome.out
    assert "Not checked: no AWS credentials" in outcome.err


DENIALS = [
    ("create_bucket", "", "CreateBucket: s3:CreateBucket is not allowed"),
    ("put_bucket_encryption", "", "PutBucketEncryption: s3:PutEncryptionConfiguration is not allowed"),
    ("create_role", "", "CreateRole: iam:CreateRole is not allowed"),
    (
        "create_role",
        "User: arn:aws:iam::1:user/ada is not authorized to perform: iam:TagRole on resource: x",
        "CreateRole: iam:TagRole is not allowed",
    ),
]


@pytest.mark.parametrize("denial", DENIALS, ids=lambda denial: denial[2].partition(" ")[2])
def test_a_call_that_is_not_allowed_is_named_with_the_missing_action(
    amazon: Amazon, lab: Lab, monkeypatch: pytest.MonkeyPatch, denial: tuple[str, str, str]
) -> None:
    method, said, expected = denial
    if method == "put_bucket_encryption":  # moto treats every bucket as encrypted, as Amazon S3 does
        monkeypatch.setattr("lab.engine.eks.bucket.Bucket.is_encrypted", lambda _: False)
    refuse(monkeypatch, method, answer("AccessDenied", said))
    outcome = lab("eks", "up")
    assert outcome.status == 12
    assert f"error: AWS refused {expected}" in outcome.err
    assert "made: policy mlops-lab-dvc" in outcome.err
    what = "role" if method == "create_role" else "bucket"
    assert re.search(rf"(not |half-)made: {what} ", outcome.err)


def test_what_the_plan_may_not_read_is_said_and_the_rest_is_shown(amazon: Amazon, lab: Lab) -> None:
    said = f"User: x is not authorized to perform: eks:DescribeCluster on resource: {CLUSTER}"
    amazon.service.refuse["DescribeCluster"] = ("AccessDeniedException", said)
    planned = json.loads(lab("eks", "plan", "--json").out)
    checked = {step["resource"]: step["checked"] for step in planned["steps"]}
    assert checked["bucket"]
    assert not checked["cluster"]
    assert [each["message"] for each in planned["not_checked"]] == [
        "AWS refused DescribeCluster: eks:DescribeCluster is not allowed"
    ]


def make_role(tags: list[dict[str, str]]) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": []})
    boto3.client("iam").create_role(RoleName="mlops-lab-dvc", AssumeRolePolicyDocument=document, Tags=tags)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ([], "is not the lab's"),
        ([{"Key": "mlops-lab/cluster", "Value": "lab-two"}], "is the lab's of cluster lab-two"),
    ],
)
def test_a_role_of_that_name_that_is_not_this_labs_is_left_unchanged(
    amazon: Amazon, lab: Lab, tags: list[dict[str, str]], reason: str
) -> None:
    make_role(tags)
    for command in ("up", "plan"):
        outcome = lab("eks", command)
        assert outcome.status == 3
        assert f"the role mlops-lab-dvc is there and {reason}" in outcome.err
    assert amazon.client("s3").list_buckets()["Buckets"] == []  # nothing else was made, either
    assert lab("eks", "down", "--cluster", CLUSTER).status == 0
    assert [role["RoleName"] for role in amazon.client("iam").list_roles()["Roles"]] == ["mlops-lab-dvc"]


@pytest.mark.parametrize("command", ["plan", "up"])
def test_a_bucket_name_of_another_account_is_reported(
    amazon: Amazon, lab: Lab, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    refuse(monkeypatch, "head_bucket", answer("403", "Forbidden"))
    outcome = lab("eks", command)
    assert outcome.status == 3
    assert f"the bucket name {BUCKET} is taken: it belongs to another account" in outcome.err
    assert nothing_changed(amazon)


def test_a_bucket_that_another_account_makes_meanwhile_is_reported(
    amazon: Amazon, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "create_bucket", answer("BucketAlreadyExists"))
    outcome = lab("eks", "up")
    assert outcome.status == 3
    assert "it belongs to another account" in outcome.err


def test_an_own_bucket_that_must_not_be_listed_is_no_other_accounts(
    amazon: Amazon, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = {"LocationConstraint": "eu-central-1"}
    amazon.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    refuse(monkeypatch, "head_bucket", answer("403", "Forbidden"))
    assert "AWS refused HeadBucket: s3:ListBucket is not allowed" in lab("eks", "plan").err


def test_an_own_bucket_that_is_not_the_labs_is_left_unchanged(amazon: Amazon, lab: Lab) -> None:
    where = {"LocationConstraint": "eu-central-1"}
    amazon.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    assert f"the bucket {BUCKET} is there and is not the lab's" in lab("eks", "up").err
    assert lab("eks", "down", "--cluster", CLUSTER, "--delete-bucket", BUCKET).status == 0
    assert [bucket["Name"] for bucket in amazon.client("s3").list_buckets()["Buckets"]] == [BUCKET]


def test_a_bucket_in_another_region_is_reported(amazon: Amazon, lab: Lab) -> None:
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=BUCKET)
    assert f"the bucket {BUCKET} is in region us-east-1, eks.toml says eu-central-1" in lab("eks", "up").err


def test_without_eksctl_up_says_how_to_get_it_and_the_plan_is_printed(
    amazon: Amazon, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    outcome = lab("eks", "up")
    assert outcome.status == 4
    assert outcome.err.startswith("error: eksctl is not installed")
    assert "https://eksctl.io/installation" in outcome.err
    assert nothing_changed(amazon)
    planned = lab("eks", "plan")
    assert planned.status == 0
    assert "Missing for eks-up: eksctl is not installed" in planned.err


def test_an_error_of_aws_without_a_name_of_ours_is_shown_in_its_own_words(
    amazon: Amazon, monkeypatch: pytest.MonkeyPatch, lab: Lab
) -> None:
    refuse(monkeypatch, "create_policy", answer("LimitExceeded", "Cannot exceed quota for PoliciesPerAccount: 1500"))
    outcome = lab("eks", "up")
    assert outcome.status == CloudError.exit_code
    assert "AWS answered LimitExceeded to CreatePolicy: Cannot exceed quota" in outcome.err
