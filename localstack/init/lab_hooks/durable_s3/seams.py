"""The check that this LocalStack calls the pieces we replace, lest a version runs without durability.

Not a comparison of version numbers: what counts is that the provider still goes through these places. Found
in LocalStack 4.13.1, ``localstack.services.s3``.
"""

import inspect
from typing import Any

from localstack.services.s3 import models, provider
from localstack.services.s3.storage.ephemeral import EphemeralS3ObjectStore

from lab_hooks.durable_s3.records import BUCKET_FIELDS, OBJECT_FIELDS

__all__ = ["check_seams", "mentioned_names"]

STORE, KEYS = "_storage_backend", "objects"

# Provider methods, and names their code must mention: without one, a change would go past the durable folder.
PROVIDER_CALLS: dict[str, set[str]] = {
    "create_bucket": {"S3Bucket"},
    "delete_bucket": {STORE, "delete_bucket"},
    "put_object": {STORE, "open", KEYS, "set"},
    "post_object": {STORE, "open", KEYS, "set"},
    "copy_object": {STORE, "copy", KEYS, "set"},
    "complete_multipart_upload": {STORE, "get_multipart", KEYS, "set"},
    "delete_object": {STORE, "remove", KEYS, "pop"},
    "delete_objects": {STORE, "remove", KEYS, "pop"},
    "put_bucket_versioning": {"VersionedKeyStore", "from_key_store", KEYS},
}
STORE_METHODS = {
    "open",
    "remove",
    "copy",
    "create_bucket",
    "delete_bucket",
    "get_multipart",
    "remove_multipart",
}


def check_seams(s3_provider: Any) -> None:
    """Raise ``RuntimeError`` naming every piece of LocalStack that is not as expected."""
    missing = [
        f"S3Provider.{method} without {', '.join(sorted(absent))}"
        for method, names in PROVIDER_CALLS.items()
        if (absent := names - mentioned_names(getattr(s3_provider, method, None)))
    ]
    if type(getattr(s3_provider, STORE, None)) is not EphemeralS3ObjectStore:
        missing.append(f"S3Provider.{STORE} is no EphemeralS3ObjectStore")
    if getattr(provider, "S3Bucket", None) is not models.S3Bucket:
        missing.append("the provider makes buckets of another class")
    missing += [
        f"{EphemeralS3ObjectStore.__name__}.{name}" for name in STORE_METHODS - set(dir(EphemeralS3ObjectStore))
    ]
    missing += [f"S3Object.{name}" for name in OBJECT_FIELDS if name not in vars(models.S3Object("probe"))]
    probe = models.S3Bucket("probe", "000000000000", "us-east-1", owner={})
    missing += [f"S3Bucket.{name}" for name in BUCKET_FIELDS if name not in vars(probe)]
    stores: tuple[Any, ...] = (models.KeyStore, models.VersionedKeyStore)
    missing += [f"{kind.__name__}._store" for kind in stores if not hasattr(kind(), "_store")]
    if missing:
        raise RuntimeError(f"this LocalStack is built otherwise, S3 would not be durable: {'; '.join(missing)}")


def mentioned_names(method: Any) -> set[str]:
    """Return the global and attribute names in a method's code, behind LocalStack's ``handler`` decorator."""
    code = getattr(inspect.unwrap(method), "__code__", None) if method else None
    return set(code.co_names) if code else set()
