"""All else is refused. Each refusal is of the permissions: with a wider document the same call is let through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.engine.kubernetes.policy import Document, permissions
from tests.policy.amazon import BUCKET, OTHER, Amazon

HELD = "quarantine/20261121T113152Z/dvc/old"
NO_POLICY = '{"Version": "2012-10-17", "Statement": []}'
Call = Callable[[Any], object]
S3: dict[str, Call] = {
    "read another prefix": lambda s3: s3.get_object(Bucket=BUCKET, Key="private/plan"),
    "see whether another prefix has a key": lambda s3: s3.head_object(Bucket=BUCKET, Key="private/missing"),
    "write to another prefix": lambda s3: s3.put_object(Bucket=BUCKET, Key="private/new", Body=b""),
    "read a prefix that begins alike": lambda s3: s3.get_object(Bucket=BUCKET, Key="dvc-of-others/plan"),
    "read the quarantine": lambda s3: s3.get_object(Bucket=BUCKET, Key=HELD),
    "delete from the quarantine": lambda s3: s3.delete_object(Bucket=BUCKET, Key=HELD),
    "list the quarantine": lambda s3: s3.list_objects_v2(Bucket=BUCKET, Prefix="quarantine/"),
    "list another prefix": lambda s3: s3.list_objects_v2(Bucket=BUCKET, Prefix="private/"),
    "list prefixes that begin alike": lambda s3: s3.list_objects_v2(Bucket=BUCKET, Prefix="dvc"),
    "list the bucket": lambda s3: s3.list_objects_v2(Bucket=BUCKET),
    "list the bucket with an empty prefix": lambda s3: s3.list_objects_v2(Bucket=BUCKET, Prefix=""),
    "delete from another prefix": lambda s3: s3.delete_object(Bucket=BUCKET, Key="private/plan"),
    "delete a task log": lambda s3: s3.delete_object(Bucket=BUCKET, Key="logs/old"),
    "delete one version of data for good": lambda s3: s3.delete_object(Bucket=BUCKET, Key="dvc/old", VersionId="null"),
    "list earlier versions": lambda s3: s3.list_object_versions(Bucket=BUCKET, Prefix="dvc/"),
    "open an object to others": lambda s3: s3.put_object_acl(Bucket=BUCKET, Key="dvc/old", ACL="public-read"),
    "delete the bucket": lambda s3: s3.delete_bucket(Bucket=BUCKET),
    "make a bucket": lambda s3: s3.create_bucket(Bucket="one-more"),
    "list other buckets": lambda s3: s3.list_buckets(),
    "read another bucket": lambda s3: s3.get_object(Bucket=OTHER, Key="dvc/old"),
    "write to another bucket": lambda s3: s3.put_object(Bucket=OTHER, Key="dvc/new", Body=b""),
    "list another bucket": lambda s3: s3.list_objects_v2(Bucket=OTHER, Prefix="dvc/"),
    "read the bucket's policy": lambda s3: s3.get_bucket_policy(Bucket=BUCKET),
    "change the bucket's policy": lambda s3: s3.put_bucket_policy(Bucket=BUCKET, Policy=NO_POLICY),
    "turn versioning off": lambda s3: s3.put_bucket_versioning(
        Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}
    ),
}


def wider() -> Document:
    """The role's permissions, and everything else."""
    document = permissions(BUCKET)
    document["Statement"].append({"Effect": "Allow", "Action": "*", "Resource": "*"})
    return document


def refused(client: Any, call: Call) -> bool:
    """Whether IAM refused; an answer of the service itself, such as a bucket that is not empty, is none."""
    try:
        call(client)
    except ClientError as error:
        return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 403)
    return False


@pytest.fixture(autouse=True)
def objects(amazon: Amazon) -> None:
    for key in ("private/plan", "dvc-of-others/plan", "logs/old", "dvc/old", HELD):
        amazon.put(key)
    amazon.put("dvc/old", OTHER)


@pytest.mark.parametrize("call", S3.values(), ids=S3)
def test_the_role_may_not(amazon: Amazon, call: Call) -> None:
    assert refused(amazon.client("s3", **amazon.session(permissions(BUCKET))), call)
    assert not refused(amazon.client("s3", **amazon.session(wider())), call)


def test_the_role_may_not_clear_many_keys_with_one_request(amazon: Amazon) -> None:
    """Amazon S3 answers such a request with 200 and an error for each key."""
    keys = {"Objects": [{"Key": "private/plan"}, {"Key": "logs/old"}]}
    for document, errors in ((permissions(BUCKET), 2), (wider(), 0)):
        s3 = amazon.client("s3", **amazon.session(document))
        assert len(s3.delete_objects(Bucket=BUCKET, Delete=keys).get("Errors", [])) == errors
        assert {"private/plan", "logs/old"} <= amazon.stored() or not errors


def test_the_role_may_do_nothing_with_identities(amazon: Amazon) -> None:
    def call(iam: Any) -> object:
        return iam.list_roles()

    assert refused(amazon.client("iam", **amazon.session(permissions(BUCKET))), call)
    assert not refused(amazon.client("iam", **amazon.session(wider())), call)


def test_unknown_credentials_are_refused(amazon: Amazon) -> None:
    keys = amazon.session(wider())
    forged = {**keys, "aws_secret_access_key": "guessed"}
    assert refused(amazon.client("s3", **forged), lambda s3: s3.get_object(Bucket=BUCKET, Key="dvc/old"))
    assert not refused(amazon.client("s3", **keys), lambda s3: s3.get_object(Bucket=BUCKET, Key="dvc/old"))
