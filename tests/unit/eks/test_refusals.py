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
from tests.unit.eks.conftest import BUCKET, CLUSTER, TOML, Amazon
from tests.unit.eks.service import ACCOUNT

Lab = Callable[..., Outcome]
OTHER_CLUSTER = {
    "name": CLUSTER, "arn": f"arn:aws:eks:eu-central-1:{ACCOUNT}:cluster/{CLUSTER}", "status": "ACTIVE",
    "version": "1.35", "endpoint": "https://other.example.invalid", "certificateAuthority": {"data": "Q0E="},
}  # fmt: skip


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


def nothing_changed(amazon: Amazon) -> bool:
    iam = amazon.client("iam")
    return not (amazon.calls("eksctl") or amazon.client("s3").list_buckets()["Buckets"] or iam.list_roles()["Roles"])


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
    method, said, told = denial
    if method == "put_bucket_encryption":  # moto takes every bucket for encrypted, as Amazon S3 does
        monkeypatch.setattr("lab.engine.eks.bucket.Bucket.is_encrypted", lambda _: False)
    refuse(monkeypatch, method, answer("AccessDenied", said))
    outcome = lab("eks", "up")
    assert outcome.status == 12
    assert f"error: AWS refused {told}" in outcome.err
    assert "made: policy mlops-lab-dvc" in outcome.err
    what = "role" if method == "create_role" else "bucket"
    assert re.search(rf"(not |half-)made: {what} ", outcome.err)


def test_what_the_plan_may_not_see_is_said_and_the_rest_is_told(amazon: Amazon, lab: Lab) -> None:
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
    ("tags", "whose"),
    [
        ([], "is not the lab's"),
        ([{"Key": "mlops-lab/cluster", "Value": "lab-two"}], "is the lab's of cluster lab-two"),
    ],
)
def test_a_role_of_that_name_that_is_not_this_labs_is_left_alone(
    amazon: Amazon, lab: Lab, tags: list[dict[str, str]], whose: str
) -> None:
    make_role(tags)
    for command in ("up", "plan"):
        outcome = lab("eks", command)
        assert outcome.status == 3
        assert f"the role mlops-lab-dvc is there and {whose}" in outcome.err
    assert amazon.client("s3").list_buckets()["Buckets"] == []  # nothing else was made, either
    assert lab("eks", "down", "--cluster", CLUSTER).status == 0
    assert [role["RoleName"] for role in amazon.client("iam").list_roles()["Roles"]] == ["mlops-lab-dvc"]


@pytest.mark.parametrize("command", ["plan", "up"])
def test_a_bucket_name_of_somebody_elses_is_told(
    amazon: Amazon, lab: Lab, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    refuse(monkeypatch, "head_bucket", answer("403", "Forbidden"))
    outcome = lab("eks", command)
    assert outcome.status == 3
    assert f"the bucket name {BUCKET} is taken: it belongs to another account" in outcome.err
    assert nothing_changed(amazon)


def test_a_bucket_that_somebody_else_makes_meanwhile_is_told(
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


def test_an_own_bucket_that_is_not_the_labs_is_left_alone(amazon: Amazon, lab: Lab) -> None:
    where = {"LocationConstraint": "eu-central-1"}
    amazon.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    assert f"the bucket {BUCKET} is there and is not the lab's" in lab("eks", "up").err
    assert lab("eks", "down", "--cluster", CLUSTER, "--delete-bucket", BUCKET).status == 0
    assert [bucket["Name"] for bucket in amazon.client("s3").list_buckets()["Buckets"]] == [BUCKET]


def test_a_bucket_in_another_region_is_told(amazon: Amazon, lab: Lab) -> None:
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


def existing(amazon: Amazon) -> None:
    file = amazon.checkout.source / "eks.toml"
    file.write_text(file.read_text("utf-8").replace("[storage]", 'mode = "existing"\n[storage]'), "utf-8")


@pytest.mark.parametrize(
    ("there", "missing"),
    [(["aws-ebs-csi-driver"], "eks-pod-identity-agent"), (["eks-pod-identity-agent"], "aws-ebs-csi-driver")],
)
def test_an_add_on_that_a_cluster_lacks_is_named_with_the_command(
    amazon: Amazon, lab: Lab, there: list[str], missing: str
) -> None:
    existing(amazon)
    amazon.service.change(cluster=OTHER_CLUSTER, addons=there)
    outcome = lab("eks", "up")
    assert outcome.status == 12
    assert f"error: the cluster {CLUSTER} lacks the add-on {missing}" in outcome.err
    command = f"aws eks create-addon --region eu-central-1 --cluster-name {CLUSTER} --addon-name {missing}"
    assert f"hint: {command}" in outcome.err
    assert nothing_changed(amazon)


def test_an_existing_cluster_that_is_not_there_is_not_made(amazon: Amazon, lab: Lab) -> None:
    existing(amazon)
    outcome = lab("eks", "up")
    assert outcome.status == 3
    assert f"there is no cluster {CLUSTER} in eu-central-1" in outcome.err
    assert nothing_changed(amazon)
    assert lab("eks", "down", "--cluster", CLUSTER).status == 0


def test_a_cluster_of_that_name_that_is_not_the_labs_is_left_alone(amazon: Amazon, lab: Lab) -> None:
    amazon.service.change(cluster=OTHER_CLUSTER, addons=["eks-pod-identity-agent", "aws-ebs-csi-driver"])
    assert f"the cluster {CLUSTER} is there and is not the lab's" in lab("eks", "up").err
    assert lab("eks", "down", "--cluster", CLUSTER).status == 0
    assert amazon.service.read()["cluster"] == OTHER_CLUSTER
    assert amazon.calls("eksctl") == []


def test_a_namespace_of_somebody_elses_is_left_alone(amazon: Amazon, lab: Lab) -> None:
    existing(amazon)
    amazon.service.change(cluster=OTHER_CLUSTER, addons=["eks-pod-identity-agent", "aws-ebs-csi-driver"])
    other = {"Namespace": {"metadata": {"name": "airflow"}}}
    (amazon.folder / "objects.json").write_text(json.dumps(other), "utf-8")
    assert "the namespace airflow of the cluster is there and is not the lab's" in lab("eks", "up").err
    assert lab("eks", "down", "--cluster", CLUSTER).status == 0
    assert [call for call in amazon.calls("kubectl") if " delete " in call] == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("error: You must be logged in to the server (Unauthorized)", "does not let these credentials in"),
        ("Unable to connect to the server: dial tcp 10.0.0.1:443: i/o timeout", "does not answer at https://other"),
        ("Error from server (Forbidden): namespaces is forbidden: User x", "forbids this"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_told_for_what_it_is(amazon: Amazon, lab: Lab, said: str, told: str) -> None:
    existing(amazon)
    amazon.service.change(cluster=OTHER_CLUSTER, addons=["eks-pod-identity-agent", "aws-ebs-csi-driver"])
    amazon.fail("kubectl", said)
    outcome = lab("eks", "up")
    assert outcome.status == 12
    assert told in outcome.err.splitlines()[-2] + outcome.err
    assert "role mlops-lab-dvc" in outcome.err  # what is made is listed


def test_a_kubeconfig_that_leads_elsewhere_is_refused_and_left(amazon: Amazon, lab: Lab) -> None:
    assert lab("eks", "up").status == 0
    file = amazon.checkout.home / "eks" / CLUSTER / "kubeconfig"
    other = file.read_text("utf-8").replace(f"cluster/{CLUSTER}", "cluster/production")
    file.write_text(other, "utf-8")
    calls = len(amazon.calls("kubectl"))
    for command in (("up",), ("run",), ("down", "--cluster", CLUSTER)):
        outcome = lab("eks", *command)
        assert outcome.status == 3
        assert "leads to arn:aws:eks:eu-central-1:123456789012:cluster/production" in outcome.err
    assert len(amazon.calls("kubectl")) == calls
    assert file.read_text("utf-8") == other


@pytest.mark.parametrize(
    ("missing", "hint"),
    [
        ("GITSYNC_PASSWORD", "GITSYNC_USERNAME and GITSYNC_PASSWORD"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgres"),
    ],
)
def test_a_secret_that_nobody_told_is_asked_for_before_anything_is_made(
    amazon: Amazon, lab: Lab, monkeypatch: pytest.MonkeyPatch, missing: str, hint: str
) -> None:
    monkeypatch.delenv(missing)
    outcome = lab("eks", "up")
    assert outcome.status == 3
    assert hint in outcome.err.splitlines()[-1]
    assert nothing_changed(amazon)


def test_own_helm_values_that_are_not_there_are_told(amazon: Amazon, lab: Lab) -> None:
    file = amazon.checkout.source / "eks.toml"
    file.write_text(file.read_text("utf-8") + 'values = "own.yaml"\n', "utf-8")
    outcome = lab("eks", "up")
    assert outcome.status == 3
    assert "airflow.values: there is no file" in outcome.err
    assert nothing_changed(amazon)


def test_a_connection_that_is_none_is_refused_and_not_repeated(
    amazon: Amazon, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "mysql://ada:topsecret@db/airflow")
    outcome = lab("eks", "up")
    assert outcome.status == 3
    assert "topsecret" not in outcome.err


def test_what_eksctl_says_when_it_fails_is_told_with_what_is_made(amazon: Amazon, lab: Lab) -> None:
    amazon.fail("eksctl create", "Error: you have reached the limit of VPCs")
    outcome = lab("eks", "up")
    assert outcome.status == 11
    assert "you have reached the limit of VPCs" in outcome.err
    assert "made: role mlops-lab-dvc" in outcome.err
    assert f"not made: cluster {CLUSTER}" in outcome.err


def test_an_error_of_aws_without_a_name_of_ours_is_told_in_its_own_words(
    amazon: Amazon, monkeypatch: pytest.MonkeyPatch, lab: Lab
) -> None:
    refuse(monkeypatch, "create_policy", answer("LimitExceeded", "Cannot exceed quota for PoliciesPerAccount: 1500"))
    outcome = lab("eks", "up")
    assert outcome.status == CloudError.exit_code
    assert "AWS answered LimitExceeded to CreatePolicy: Cannot exceed quota" in outcome.err


def test_run_without_a_cluster_says_what_makes_one(amazon: Amazon, lab: Lab) -> None:
    outcome = lab("eks", "run")
    assert outcome.status == 6
    assert outcome.err == f"error: the cluster {CLUSTER} is not up\nhint: make eks-up\n"


def test_run_where_the_cluster_does_not_lead_to_airflow_ends(amazon: Amazon, lab: Lab) -> None:
    assert lab("eks", "up").status == 0
    objects: dict[str, Any] = json.loads((amazon.folder / "objects.json").read_text("utf-8"))
    assert "airflow-login" in objects["Secrets"]
    outcome = lab("eks", "run")  # the stand-in for kubectl knows no port-forward, and ends
    assert outcome.status == 12
    assert "the cluster does not lead to airflow-api-server" in outcome.err
