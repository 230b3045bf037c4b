"""LocalStack's S3 models as JSON and back: only the fields that the package's docstring promises, no pickle.

The fields are those of ``localstack.services.s3.models`` 4.13.1; ``seams`` checks at the start that they
exist.
"""

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from localstack.services.s3.models import S3Object

__all__ = [
    "BUCKET_FIELDS",
    "OBJECT_FIELDS",
    "body_of",
    "bucket_record",
    "object_from",
    "object_record",
    "set_body",
]

# LocalStack formats dates as they are, followed by the word "GMT": they have to be in that zone.
GMT = ZoneInfo("GMT")

OBJECT_DATES = ("last_modified", "expires")
OBJECT_PLAIN = (
    "key", "size", "etag", "user_metadata", "system_metadata", "storage_class", "checksum_algorithm",
    "checksum_value", "checksum_type", "encryption", "kms_key_id", "bucket_key_enabled", "sse_key_hash",
    "website_redirect_location", "acl", "owner", "internal_last_modified",
)  # fmt: skip
OBJECT_FIELDS = (*OBJECT_PLAIN, *OBJECT_DATES, "parts")

BUCKET_PLAIN = (
    "name", "bucket_account_id", "bucket_region", "location_constraint", "owner", "acl",
    "object_ownership",
)  # fmt: skip
BUCKET_FIELDS = (*BUCKET_PLAIN, "creation_date")


def object_record(s3_object: Any) -> dict[str, Any]:
    """Return the sidecar of an object with a published body."""
    record = {name: getattr(s3_object, name) for name in OBJECT_PLAIN}
    for name in OBJECT_DATES:
        moment = getattr(s3_object, name)
        record[name] = moment.isoformat() if moment else None
    record["parts"] = s3_object.parts or {}
    record["body"] = body_of(s3_object).name
    return record


def object_from(record: dict[str, Any], bodies: Path) -> Any:
    """Return the object a sidecar describes; raises if a field is missing or of another kind."""
    if not isinstance(record["key"], str) or not isinstance(record["size"], int):
        raise TypeError("key or size is of the wrong kind")
    s3_object = S3Object(key=record["key"])
    for name in OBJECT_PLAIN:
        setattr(s3_object, name, record[name])
    for name in OBJECT_DATES:
        moment = record[name]
        setattr(s3_object, name, datetime.fromisoformat(moment).astimezone(GMT) if moment else None)
    # JSON has no whole numbers as names; LocalStack looks parts up by number.
    s3_object.parts = {int(number): part for number, part in record["parts"].items()}
    set_body(s3_object, bodies / record["body"])
    return s3_object


def bucket_record(bucket: Any) -> dict[str, Any]:
    """Return the record of a bucket."""
    record = {name: getattr(bucket, name) for name in BUCKET_PLAIN}
    record["creation_date"] = bucket.creation_date.isoformat()
    return record


def body_of(s3_object: Any) -> Path:
    """Return the file with an object's bytes; ``AttributeError`` if none was published."""
    path: Path = s3_object.durable_body
    return path


def set_body(s3_object: Any, path: Path) -> None:
    """Remember the file with an object's bytes. LocalStack's model is a plain class without such a field."""
    s3_object.durable_body = path
