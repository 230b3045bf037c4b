"""LocalStack in its container: what it has acknowledged is there in the next one."""

from __future__ import annotations

import hashlib
import io
import random
from typing import Any

import boto3
import httpx
from boto3.s3.transfer import TransferConfig

from lab.components import storage
from lab.pins import pins
from tests.containers.stack import Stack

MIB = 1024 * 1024
PARTS = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, use_threads=False)


def bucket(stack: Stack) -> str:
    return stack.access.settings.storage.bucket


def keys(s3: Any, name: str, prefix: str) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=name, Prefix=prefix).get("Contents", [])]


def test_what_was_acknowledged_survives_a_kill_and_is_in_a_new_container(stack: Stack) -> None:
    s3, name = storage.client(stack.access), bucket(stack)
    large = random.Random(1).randbytes(20 * MIB)
    s3.put_object(Bucket=name, Key="kill/deleted", Body=b"gone")
    s3.upload_fileobj(io.BytesIO(large), name, "kill/large", Config=PARTS)
    s3.delete_object(Bucket=name, Key="kill/deleted")
    unfinished = s3.create_multipart_upload(Bucket=name, Key="kill/unfinished")
    s3.upload_part(Bucket=name, Key="kill/unfinished", PartNumber=1, UploadId=unfinished["UploadId"], Body=b"part")
    s3.put_object(Bucket=name, Key="kill/small", Body=b"small", Metadata={"who": "lab"})
    stack.kill("localstack")
    stack.replace("localstack")

    s3 = storage.client(stack.access)
    assert keys(s3, name, "kill/") == ["kill/large", "kill/small"]
    found = s3.get_object(Bucket=name, Key="kill/large")
    assert hashlib.sha256(found["Body"].read()).digest() == hashlib.sha256(large).digest()
    assert found["ETag"].endswith('-4"')
    small = s3.get_object(Bucket=name, Key="kill/small")
    assert (small["Body"].read(), small["Metadata"]) == (b"small", {"who": "lab"})


def test_a_list_in_pages_has_every_key_once_and_in_order(stack: Stack, s3: Any) -> None:
    names = [f"pages/{number:02}" for number in range(7)]
    for each in reversed(names):
        s3.put_object(Bucket=bucket(stack), Key=each, Body=b"")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket(stack), Prefix="pages/", MaxKeys=3)
    assert [each["Key"] for page in pages for each in page["Contents"]] == names


def test_sts_says_who_asks(stack: Stack) -> None:
    variables = stack.access.aws_variables()
    sts = boto3.client(
        "sts",
        endpoint_url=stack.access.url("s3"),
        region_name=variables["AWS_DEFAULT_REGION"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    )
    answer = sts.get_caller_identity()
    assert answer["Account"] == "000000000000"
    assert answer["Arn"].startswith("arn:aws:")


def test_it_is_the_release_that_is_pinned_and_runs_no_more_than_the_lab_needs(stack: Stack) -> None:
    health = httpx.get(f"{stack.access.url('s3')}/_localstack/health", trust_env=False).json()
    (pinned,) = [each for each in pins()["environments"]["localstack"]["requirements"] if "localstack-core" in each]
    assert health["version"] == pinned.partition("==")[2]
    on = {name for name, state in health["services"].items() if state in {"running", "available"}}
    assert on == {"s3", "sts", "iam"}
