"""The object store: a client for the bucket of the DVC remote, and the bucket itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from lab.access import Access
from lab.errors import ServiceError
from lab.pipeline import receipt
from lab.pipeline.dvc import etag_md5, object_place
from lab.wait import NotYetError

LARGEST_COPY = 2**30
"""Bytes from which a copy is made in parts: well below the limit of S3, so that each request ends in seconds."""
COPY_PART = 2**29
"""Bytes of a part."""


def client(access: Access, *, attempts: int = 3) -> Any:
    """An S3 client (boto3) for the lab's object store."""
    from botocore.config import Config

    return access.aws_session().client(
        "s3",
        endpoint_url=access.s3_endpoint,
        config=Config(
            connect_timeout=3,
            read_timeout=30,
            retries={"max_attempts": attempts, "mode": "standard"},
            proxies={} if access.s3_endpoint else None,  # a proxy of the user must not see loopback traffic
        ),
    )


def object_key(access: Access, md5: str) -> str:
    """The key of a data object in the bucket."""
    return f"{access.settings.storage.prefix}/{object_place(md5)}"


def bucket_exists(access: Access) -> bool:
    """Whether the bucket is there.

    Raises:
        NotYetError: the object store does not answer (yet).
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client(access, attempts=1).head_bucket(Bucket=access.settings.storage.bucket)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise NotYetError(str(error)) from error
    except BotoCoreError as error:
        raise NotYetError(str(error)) from error
    return True


def ensure_bucket(access: Access) -> None:
    """Create the bucket if it does not exist; harmless if another process creates it at the same time."""
    with contextlib.suppress(NotYetError):
        if bucket_exists(access):
            return
    s3 = client(access)
    region = access.settings.storage.region
    # CreateBucket takes no location constraint for us-east-1 (Amazon S3 API reference).
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=access.settings.storage.bucket, **where)


def object_size(access: Access, md5: str, s3: Any = None) -> int | None:
    """Bytes of the object of that md5, or None if the bucket does not have it.

    Raises:
        ServiceError: the object store does not answer.
    """
    with answering("HeadObject") as answer:
        found = (s3 or client(access)).head_object(Bucket=access.settings.storage.bucket, Key=object_key(access, md5))
        answer.found = int(found["ContentLength"])
    size: int | None = answer.found
    return size


@dataclass
class Answer:
    """The object that was requested; None if the bucket does not have it."""

    found: Any = None


@contextlib.contextmanager
def answering(call: str) -> Iterator[Answer]:
    """Turn what boto3 raises in this block into the lab's errors; a missing object is no error.

    Raises:
        ServiceError: the object store does not answer, or refuses.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    try:
        yield (answer := Answer())
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise ServiceError(f"the object store refused {call}: {error}", "make lab-status") from error
        answer.found = None
    except (BotoCoreError, HTTPError) as error:
        raise ServiceError(f"the object store does not answer: {error}", "make lab-status") from error


def receipt_key(access: Access, md5: str) -> str:
    """The key of the receipt of the data with that md5, next to the data."""
    return f"{access.settings.storage.prefix}/{receipt.place(md5)}"


def place(access: Access, key: str) -> str:
    """Where a key is below the DVC remote's path; a key outside it stays as it is."""
    return key.removeprefix(f"{access.settings.storage.prefix}/")


def url(access: Access, key: str) -> str:
    return f"s3://{access.settings.storage.bucket}/{key}"


def open_object(access: Access, key: str, s3: Any) -> Any:
    """The bytes of an object as a stream, or None if it does not exist. Reading it may raise boto3's exceptions."""
    with answering("GetObject") as answer:
        answer.found = s3.get_object(Bucket=access.settings.storage.bucket, Key=key)["Body"]
    return answer.found


def read_object(access: Access, key: str, s3: Any) -> bytes | None:
    """A small object as bytes, or None if it does not exist."""
    with answering("GetObject") as answer:
        answer.found = s3.get_object(Bucket=access.settings.storage.bucket, Key=key)["Body"].read()
    found: bytes | None = answer.found
    return found


@dataclass(frozen=True)
class Stored:
    """An object of the bucket; `modified` by the object store's clock."""

    key: str
    size: int
    modified: datetime


def stored(access: Access, folder: str, s3: Any) -> Iterator[Stored]:
    """Every object below this folder of the DVC remote."""
    return below(access, f"{access.settings.storage.prefix}/{folder}", s3)


def below(access: Access, prefix: str, s3: Any) -> Iterator[Stored]:
    """Every object of the bucket below this prefix, by key, in pages of a thousand."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=access.settings.storage.bucket, Prefix=prefix)
    with answering("ListObjectsV2"):
        for page in pages:
            for found in page.get("Contents", []):
                yield Stored(found["Key"], found["Size"], found["LastModified"])


def now(access: Access, s3: Any) -> datetime:
    """The time by the object store's own clock, to the second."""
    with answering("HeadBucket") as answer:
        headers = s3.head_bucket(Bucket=access.settings.storage.bucket)["ResponseMetadata"]["HTTPHeaders"]
        answer.found = parsedate_to_datetime(headers["date"])
    if answer.found is None:
        raise ServiceError(f"there is no bucket {access.settings.storage.bucket}", "make lab-up")
    found: datetime = answer.found
    return found


@dataclass(frozen=True)
class Head:
    """What HeadObject returns; `md5` is None where the ETag is not an md5, `now` is the object store's clock."""

    size: int
    modified: datetime
    md5: str | None
    now: datetime

    def has_content_of(self, other: Head) -> bool:
        """Whether size and, where both are known, MD5 are the same."""
        return self.size == other.size and (self.md5 == other.md5 or None in {self.md5, other.md5})


def head(access: Access, key: str, s3: Any) -> Head | None:
    """An object's properties, or None if it does not exist."""
    with answering("HeadObject") as answer:
        response = s3.head_object(Bucket=access.settings.storage.bucket, Key=key)
        now = parsedate_to_datetime(response["ResponseMetadata"]["HTTPHeaders"]["date"])
        size, modified = int(response["ContentLength"]), response["LastModified"]
        answer.found = Head(size, modified, etag_md5(response), now)
    found: Head | None = answer.found
    return found


def copy(access: Access, source: str, target: str, s3: Any) -> None:
    """Copy an object inside the bucket, without a download; an object at `target` is replaced.

    The copy appears whole or not at all. CopyObject takes 5 GiB at most ("Copying objects" in the Amazon S3 User
    Guide), so large objects are copied in parts.

    Raises:
        ServiceError: the object store does not answer or refuses, or the copy has other content than the source.
    """
    from boto3.s3.transfer import TransferConfig

    bucket = access.settings.storage.bucket
    config = TransferConfig(multipart_threshold=LARGEST_COPY, multipart_chunksize=COPY_PART)
    with answering("CopyObject"):
        s3.copy({"Bucket": bucket, "Key": source}, bucket, target, Config=config)
    before, after = head(access, source, s3), head(access, target, s3)
    if before is None or after is None or not after.has_content_of(before):
        raise ServiceError(
            f"{url(access, target)} is not a copy of {source}: the object changed meanwhile, or the copy is damaged",
            "try again; nothing was deleted",
        )


def remove(access: Access, key: str, s3: Any) -> None:
    with answering("DeleteObject"):
        s3.delete_object(Bucket=access.settings.storage.bucket, Key=key)


def write(access: Access, key: str, content: Any, s3: Any) -> None:
    """Put an object: bytes, or a file that is open for reading."""
    with answering("PutObject") as answer:
        answer.found = s3.put_object(Bucket=access.settings.storage.bucket, Key=key, Body=content)
    if answer.found is None:
        raise ServiceError(f"there is no bucket {access.settings.storage.bucket}", "make lab-up")
