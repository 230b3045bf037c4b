"""The object store: a client for the bucket of the DVC remote, and the bucket itself."""

from __future__ import annotations

import contextlib
from typing import Any

from lab.access import Access
from lab.errors import ServiceError
from lab.wait import NotYetError


def client(access: Access, *, attempts: int = 3) -> Any:
    """An S3 client (boto3) for the lab's endpoint, with the lab's keys."""
    import boto3
    from botocore.config import Config

    keys = access.aws_variables()
    return boto3.session.Session().client(
        "s3",
        endpoint_url=access.s3_url,
        region_name=access.settings.storage.region,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        config=Config(
            connect_timeout=3,
            read_timeout=30,
            retries={"max_attempts": attempts, "mode": "standard"},
            proxies={},  # a proxy of the person's must not see loopback traffic
        ),
    )


def object_key(access: Access, md5: str) -> str:
    """Where DVC 3 keeps a file on a remote: `<prefix>/files/md5/<first two digits>/<the rest>`."""
    return f"{access.settings.storage.prefix}/files/md5/{md5[:2]}/{md5[2:]}"


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
    """Make the bucket if it is not there; harmless if another makes it at the same time."""
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
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = (s3 or client(access)).head_object(Bucket=access.settings.storage.bucket, Key=object_key(access, md5))
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise ServiceError(f"the object store refused HeadObject: {error}", "make lab-status") from error
    except BotoCoreError as error:
        raise ServiceError(f"the object store does not answer: {error}", "make lab-status") from error
    return int(answer["ContentLength"])
