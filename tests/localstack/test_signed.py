"""What LocalStack answers: every program of the lab, with the lab's key and with credentials that were issued."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import zlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lab.components.repository import DVC_CONFIG
from lab.paths import Paths
from tests.localstack.conftest import PERSON, LocalStack
from tests.localstack.signing import Chunked

BUCKET = "data"
TASK_LOG = Path(__file__).parents[1] / "policy" / "task_log.py"
MEBIBYTE = 1 << 20
KEYS = [
    "dvc/a b",
    "dvc/ä+~ü",
    "dvc/a=b&c?d",
    "dvc/dag_id=x/run_id=manual__2026-11-21T11:31:52+00:00/1.log",
    "dvc/%2F/'!*()",
]


def program(environment: str, name: str) -> str:
    file = Paths.of().program(environment, name)
    if not file.exists():
        pytest.fail(f"the environment {environment} is not installed: `make test-localstack` installs it")
    return str(file)


def variables(running: LocalStack, folder: Path, keys: dict[str, str]) -> dict[str, str]:
    configuration = folder / "aws-configuration"
    configuration.touch()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        **{name.upper(): value for name, value in keys.items()},
        "AWS_ENDPOINT_URL": running.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(configuration),
        "AWS_SHARED_CREDENTIALS_FILE": str(configuration),
        **{f"DVC_{name}_DIR": str(folder / name) for name in ("SITE_CACHE", "GLOBAL_CONFIG", "SYSTEM_CONFIG")},
        "DVC_NO_ANALYTICS": "1",
    }


def run(environment: dict[str, str], folder: Path, *command: str) -> str:
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.parametrize("who", ["the person", "a session"])
@pytest.mark.parametrize("key", KEYS)
def test_keys_of_every_kind_are_signed_as_boto3_spells_them(running: LocalStack, who: str, key: str) -> None:
    client = running.client(keys=(PERSON if who == "the person" else running.session()))
    client.put_object(Bucket=BUCKET, Key=key, Body=b"x", Metadata={"spaces": "a  b"}, ContentType="text/csv")
    assert client.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"x"
    found = client.list_objects_v2(Bucket=BUCKET, Prefix=key, Delimiter="/")["Contents"]
    assert [each["Key"] for each in found] == [key]
    url = client.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": key})
    assert httpx.get(url, trust_env=False).content == b"x"
    client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key}]})
    assert client.list_objects_v2(Bucket=BUCKET, Prefix=key)["KeyCount"] == 0


@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize("who", ["the person", "a session"])
def test_presigned_urls_take_uploads(running: LocalStack, version: str, who: str) -> None:
    keys = PERSON if who == "the person" else running.session()
    client = running.client(keys=keys, config=Config(signature_version=version))
    url = client.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "dvc/put", "ContentType": "text/csv"})
    answer = httpx.put(url, content=b"rows", headers={"Content-Type": "text/csv"}, trust_env=False)
    assert answer.status_code == 200, answer.text
    assert running.client().get_object(Bucket=BUCKET, Key="dvc/put")["Body"].read() == b"rows"


def test_large_bodies_come_in_one_piece_and_in_parts(running: LocalStack) -> None:
    client = running.client()
    content = os.urandom(12 * MEBIBYTE)
    client.put_object(Bucket=BUCKET, Key="dvc/large", Body=content)
    client.upload_fileobj(io.BytesIO(content), BUCKET, "dvc/parts")
    for key in ("dvc/large", "dvc/parts"):
        assert client.get_object(Bucket=BUCKET, Key=key)["Body"].read() == content


def test_a_large_body_with_other_bytes_is_never_published(running: LocalStack) -> None:
    client = running.client()
    client.put_object(Bucket=BUCKET, Key="dvc/replaced", Body=b"old")

    def change(request: Any, **_: Any) -> None:
        request.body = os.urandom(12 * MEBIBYTE)

    client.meta.events.register("before-send.s3.PutObject", change)
    with pytest.raises(ClientError, match="XAmzContentSHA256Mismatch"):
        client.put_object(Bucket=BUCKET, Key="dvc/replaced", Body=os.urandom(12 * MEBIBYTE), ContentMD5="")
    assert client.get_object(Bucket=BUCKET, Key="dvc/replaced")["Body"].read() == b"old"


@pytest.mark.parametrize("sizes", [[], [1], [65536, 65536, 7], [5 * MEBIBYTE]], ids=str)
@pytest.mark.parametrize("has_trailer", [False, True], ids=["", "trailer"])
def test_bodies_in_signed_chunks_are_decoded(running: LocalStack, sizes: list[int], has_trailer: bool) -> None:
    chunks = [os.urandom(size) for size in sizes]
    content = b"".join(chunks)
    checksum = base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()
    upload = Chunked(
        running.port, f"{BUCKET}/dvc/chunks", chunks, {"x-amz-checksum-crc32": checksum} if has_trailer else {}
    )
    answer = upload.request().send()
    assert answer.status == 200, answer.body
    assert running.client().get_object(Bucket=BUCKET, Key="dvc/chunks")["Body"].read() == content


def test_unsigned_chunks_with_a_trailing_checksum_are_checked_by_it(running: LocalStack) -> None:
    """As botocore sends bodies over TLS: LocalStack answers TLS at the same port, by a certificate that it made."""
    import urllib3

    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    client = running.client(tls=True)
    client.put_object(Bucket=BUCKET, Key="dvc/tls", Body=io.BytesIO(b"by TLS"))
    assert client.get_object(Bucket=BUCKET, Key="dvc/tls")["Body"].read() == b"by TLS"


def test_the_command_line_of_aws_works(running: LocalStack, tmp_path: Path) -> None:
    aws, known = program("lab", "aws"), variables(running, tmp_path, PERSON)
    (tmp_path / "file").write_bytes(os.urandom(9 * MEBIBYTE))
    run(known, tmp_path, aws, "s3", "cp", "file", f"s3://{BUCKET}/dvc/cli file")
    assert "cli file" in run(known, tmp_path, aws, "s3", "ls", f"s3://{BUCKET}/dvc/")
    run(known, tmp_path, aws, "s3", "cp", f"s3://{BUCKET}/dvc/cli file", "back")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()
    url = run(known, tmp_path, aws, "s3", "presign", f"s3://{BUCKET}/dvc/cli file").strip()
    assert httpx.get(url, trust_env=False).content == (tmp_path / "file").read_bytes()
    identity = json.loads(run(known, tmp_path, aws, "sts", "get-caller-identity", "--output", "json"))
    assert identity["Arn"] == "arn:aws:iam::000000000000:root"


@pytest.mark.parametrize("who", ["the person", "a session"])
def test_dvc_pushes_and_pulls(running: LocalStack, tmp_path: Path, who: str) -> None:
    """By aiobotocore, with a file in parts; a session has the role's policy and nothing more."""
    dvc = program("worker", "dvc")
    known = variables(running, tmp_path, PERSON if who == "the person" else running.session())
    run(known, tmp_path, "git", "init", "--quiet")
    run(known, tmp_path, dvc, "init", "--quiet")
    (tmp_path / ".dvc" / "config").write_text(DVC_CONFIG.format(remote=f"s3://{BUCKET}/dvc"), "utf-8")
    content = os.urandom(60 * MEBIBYTE)
    (tmp_path / "large").write_bytes(content)
    run(known, tmp_path, dvc, "add", "--quiet", "large")
    run(known, tmp_path, dvc, "push", "--quiet")
    (tmp_path / "large").unlink()
    for folder in (tmp_path / ".dvc" / "cache").iterdir():
        run(known, tmp_path, "rm", "-r", str(folder))
    run(known, tmp_path, dvc, "pull", "--quiet")
    assert hashlib.sha256((tmp_path / "large").read_bytes()).digest() == hashlib.sha256(content).digest()


@pytest.mark.parametrize("who", ["the person", "a session"])
def test_airflow_writes_and_reads_task_logs(running: LocalStack, tmp_path: Path, who: str) -> None:
    """By Airflow's own log writer, as a worker on kind has it."""
    known = variables(running, tmp_path, PERSON if who == "the person" else running.session())
    airflow = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        "AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID": "aws_default",
    }
    command = (program("airflow", "python"), str(TASK_LOG), BUCKET, "first line", "second line")
    shown = json.loads(run({**known, **airflow}, tmp_path, *command).splitlines()[-1])
    assert all(line in "".join(shown) for line in ("first line", "second line"))
