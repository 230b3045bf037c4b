"""The promises of ``localstack/init/lab_hooks``, each against a real LocalStack that is really killed."""

import hashlib
import json
import random
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.localstack.conftest import LocalStack
from tests.waiting import eventually

BUCKET = "data"
MEBIBYTE = 1 << 20


def body(seed: int, size: int) -> bytes:
    """Return bytes that are the same for the same seed."""
    return random.Random(seed).randbytes(size)


def snapshot(client: Any) -> dict[str, Any]:
    """Return all that a client can see of every object: bytes, headers, checksums, and the listing."""
    seen: dict[str, Any] = {"listing": client.list_objects_v2(Bucket=BUCKET).get("Contents")}
    for entry in seen["listing"] or []:
        answer = client.get_object(Bucket=BUCKET, Key=entry["Key"], ChecksumMode="ENABLED")
        content = answer.pop("Body").read()
        answer.pop("ResponseMetadata")
        seen[entry["Key"]] = (hashlib.sha256(content).hexdigest(), answer)
    return seen


def upload_in_parts(client: Any, key: str, parts: list[bytes]) -> None:
    """Make one multipart upload, call by call."""
    upload = client.create_multipart_upload(
        Bucket=BUCKET, Key=key, Metadata={"kind": "parts"}, ContentType="text/csv", ChecksumAlgorithm="CRC32"
    )
    target = {"Bucket": BUCKET, "Key": key, "UploadId": upload["UploadId"]}
    done = []
    for number, part in enumerate(parts, start=1):
        answer = client.upload_part(**target, PartNumber=number, Body=part, ChecksumAlgorithm="CRC32")
        done.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumCRC32": answer["ChecksumCRC32"]})
    client.complete_multipart_upload(**target, MultipartUpload={"Parts": done})


def test_objects_survive_kill_with_equal_bytes_and_metadata(localstack: LocalStack) -> None:
    client = localstack.start()
    client.create_bucket(Bucket=BUCKET)
    client.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client.create_bucket(Bucket="dropped")
    client.delete_bucket(Bucket="dropped")
    put = {"Bucket": BUCKET, "ContentType": "text/csv", "Metadata": {"rows": "7"}, "CacheControl": "no-store"}
    client.put_object(**put, Key="plain/ä b", Body=body(1, 100), ChecksumAlgorithm="SHA256", ACL="public-read")
    client.put_object(**put, Key="empty")
    client.put_object(Bucket=BUCKET, Key="overwritten", Body=b"old")
    client.put_object(Bucket=BUCKET, Key="overwritten", Body=b"new")
    upload_in_parts(client, "parts", [body(2, 5 * MEBIBYTE), body(3, 300_000)])
    client.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/parts")
    client.copy_object(
        Bucket=BUCKET,
        Key="empty",
        CopySource=f"{BUCKET}/empty",
        MetadataDirective="REPLACE",
        Metadata={"again": "1"},
    )
    for key in ("gone", "also-gone", "gone-too"):
        client.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    client.delete_object(Bucket=BUCKET, Key="gone")
    client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "also-gone"}, {"Key": "gone-too"}]})
    before, buckets = snapshot(client), client.list_buckets()["Buckets"]

    client = localstack.restart()
    assert snapshot(client) == before
    assert client.list_buckets()["Buckets"] == buckets
    assert client.get_bucket_location(Bucket="far")["LocationConstraint"] == "eu-central-1"
    assert client.get_object(Bucket=BUCKET, Key="parts", PartNumber=2)["ContentLength"] == 300_000
    assert len(list((localstack.durable / "buckets" / BUCKET / "bodies").iterdir())) == len(before["listing"])
    client.put_object(Bucket=BUCKET, Key="after", Body=b"still writable")


def test_kill_amid_many_puts_loses_nothing_acknowledged_and_shows_nothing_half(
    localstack: LocalStack,
) -> None:
    client = localstack.start()
    client.create_bucket(Bucket=BUCKET)
    acknowledged: dict[str, bytes] = {}
    enough = threading.Event()

    def put_until_killed(worker: int) -> None:
        for turn in range(10_000):
            # Every third write goes to a key that all workers overwrite all the time.
            key = "shared" if turn % 3 == 0 else f"{worker}/{turn}"
            content = body(worker * 10_000 + turn, (turn * 7919) % (MEBIBYTE // 2))
            try:
                client.put_object(Bucket=BUCKET, Key=key, Body=content)
            except (BotoCoreError, ClientError, OSError):
                return
            acknowledged[key] = content
            if len(acknowledged) > 60:
                enough.set()

    with ThreadPoolExecutor(8) as pool:
        workers = [pool.submit(put_until_killed, worker) for worker in range(8)]
        assert enough.wait(30)
        localstack.kill()
    for worker in workers:
        worker.result()

    client = localstack.start()
    found = {entry["Key"]: entry["ETag"] for entry in client.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert acknowledged.keys() <= found.keys()
    for key, etag in found.items():
        content = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        assert f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"' == etag
        if key in acknowledged and key != "shared":
            assert content == acknowledged[key]
    bucket = localstack.durable / "buckets" / BUCKET
    assert len(list((bucket / "bodies").iterdir())) == len(found)
    assert not (localstack.durable / "set-aside").exists()


def test_first_answer_after_a_start_already_knows_the_object(localstack: LocalStack) -> None:
    client = localstack.start()
    client.create_bucket(Bucket=BUCKET)
    for number in range(50):
        client.put_object(Bucket=BUCKET, Key=f"{number}", Body=b"here")
    localstack.kill()
    localstack.spawn()
    client = localstack.client()
    refused: list[BotoCoreError] = []

    def first_answer() -> Any:
        try:
            return client.get_object(Bucket=BUCKET, Key="49")
        except BotoCoreError as error:
            refused.append(error)
            return None

    answer = eventually(first_answer, "an answer", pause=0)
    assert answer["Body"].read() == b"here"
    assert refused, "the port was open before the first try, so this test saw nothing"


def test_damaged_files_are_set_aside_and_the_rest_is_served(localstack: LocalStack) -> None:
    client = localstack.start()
    for bucket in (BUCKET, "other"):
        client.create_bucket(Bucket=bucket)
        for key in ("torn", "bodyless", "whole"):
            client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    localstack.kill()
    folder = localstack.durable / "buckets" / BUCKET
    sidecars = {json.loads(path.read_text())["key"]: path for path in (folder / "objects").iterdir()}
    sidecars["torn"].write_text(sidecars["torn"].read_text()[:40])
    (folder / "bodies" / json.loads(sidecars["bodyless"].read_text())["body"]).unlink()
    (localstack.durable / "buckets" / "other" / "bucket.json").write_text("")

    client = localstack.start()
    assert [entry["Key"] for entry in client.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["whole"]
    assert client.list_objects_v2(Bucket="other")["KeyCount"] == 3
    aside = list((localstack.durable / "set-aside").glob("*/*"))
    assert b"torn" in [path.read_bytes() for path in aside]
    assert len(aside) == 4  # a torn sidecar and its body, a sidecar without one, a bucket's record
    assert localstack.log.read_text().count("is damaged") == 3


def test_versioned_bucket_behaves_and_its_current_versions_survive(localstack: LocalStack) -> None:
    client = localstack.start()
    client.create_bucket(Bucket=BUCKET)
    client.put_object(Bucket=BUCKET, Key="a", Body=b"before")
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    first = client.put_object(Bucket=BUCKET, Key="a", Body=b"first")["VersionId"]
    second = client.put_object(Bucket=BUCKET, Key="a", Body=b"second")["VersionId"]
    client.put_object(Bucket=BUCKET, Key="b", Body=b"b")
    client.delete_object(Bucket=BUCKET, Key="b")
    marker = client.delete_object(Bucket=BUCKET, Key="a")["VersionId"]

    with pytest.raises(ClientError, match="NoSuchKey"):
        client.get_object(Bucket=BUCKET, Key="a")
    for version, content in (("null", b"before"), (first, b"first"), (second, b"second")):
        assert client.get_object(Bucket=BUCKET, Key="a", VersionId=version)["Body"].read() == content
    client.delete_object(Bucket=BUCKET, Key="a", VersionId=marker)
    client.delete_object(Bucket=BUCKET, Key="a", VersionId=second)
    assert client.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"first"
    assert len(client.list_object_versions(Bucket=BUCKET)["Versions"]) == 3

    client = localstack.restart()
    assert [entry["Key"] for entry in client.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["a"]
    assert client.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"first"
    assert "Status" not in client.get_bucket_versioning(Bucket=BUCKET)


def test_readers_see_whole_objects_while_it_is_overwritten_and_failed_writes_change_nothing(
    localstack: LocalStack,
) -> None:
    client = localstack.start()
    client.create_bucket(Bucket=BUCKET)
    contents = [body(seed, size) for seed, size in ((1, 200_000), (2, 3 * MEBIBYTE), (3, 10))]
    client.put_object(Bucket=BUCKET, Key="k", Body=contents[0])
    writing = threading.Event()

    def read_all_the_time(_: int) -> int:
        reads = 0
        while not writing.is_set():
            answer = client.get_object(Bucket=BUCKET, Key="k")
            content = answer["Body"].read()
            assert content in contents
            assert answer["ETag"] == f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
            reads += 1
        return reads

    with ThreadPoolExecutor(4) as pool:
        reads = [pool.submit(read_all_the_time, number) for number in range(4)]
        try:
            for turn in range(60):
                client.put_object(Bucket=BUCKET, Key="k", Body=contents[turn % 3])
        finally:
            writing.set()
    assert sum(read.result() for read in reads) > 20

    with pytest.raises(ClientError, match="BadDigest"):
        client.put_object(Bucket=BUCKET, Key="k", Body=b"other", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
    assert client.get_object(Bucket=BUCKET, Key="k")["Body"].read() == contents[2]
    assert len(list((localstack.durable / "buckets" / BUCKET / "bodies").iterdir())) == 1


def test_refuses_a_localstack_built_otherwise_and_a_folder_in_use(localstack: LocalStack) -> None:
    hook = localstack.start_hooks / "another_version.py"
    hook.write_text(
        "from localstack.services.s3.provider import S3Provider\nS3Provider.copy_object = lambda self, context: None\n"
    )
    assert localstack.spawn().wait(60) == 70
    assert "S3Provider.copy_object without" in localstack.log.read_text()
    hook.unlink()

    localstack.start()
    first, localstack.process = localstack.process, None
    try:
        assert localstack.spawn().wait(60) == 70
        assert "another process uses the durable S3 folder" in localstack.log.read_text()
    finally:
        localstack.process = first


def test_without_a_folder_it_says_so_and_listens_on_loopback_only(localstack: LocalStack) -> None:
    client = localstack.start(LAB_DURABLE_S3_DIR="")
    assert client.list_buckets()["Buckets"] == []
    assert "LAB_DURABLE_S3_DIR is not set" in localstack.log.read_text()
    assert not localstack.durable.exists()
    with pytest.raises(OSError, match=r"refused|unreachable|assign"):
        socket.create_connection(("127.0.0.2", localstack.port), timeout=5)
