"""Read the durable folder at the start, and put it in the place of LocalStack's forgetful storage.

Costs one small read and one ``stat`` per object; no body is read or copied.
"""

import json
import logging
import time
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from localstack.aws.api.s3 import BucketCannedACL
from localstack.constants import AWS_REGION_US_EAST_1, DEFAULT_AWS_ACCOUNT_ID
from localstack.services.plugins import SERVICE_PLUGINS
from localstack.services.s3 import provider as s3_provider
from localstack.services.s3.models import KeyStore, s3_stores
from localstack.services.s3.utils import get_canned_acl, get_owner_for_account_id

from lab_hooks.durable_s3.files import BucketFolder, DurableFolder, identifier
from lab_hooks.durable_s3.records import BUCKET_FIELDS, GMT, body_of, bucket_record, object_from
from lab_hooks.durable_s3.seams import check_seams
from lab_hooks.durable_s3.storage import DurableObjectStore
from lab_hooks.durable_s3.stores import BucketFactory, DurableBucket

__all__ = ["serve_from"]

LOG = logging.getLogger("localstack.lab.durable_s3")


def serve_from(root: Path) -> None:
    """Restore all that is below ``root`` and serve S3 from there; a second call changes nothing."""
    # Loads the service if it isn't yet, and raises the reason if it can't be.
    provider: Any = SERVICE_PLUGINS.require("s3")._provider
    if isinstance(getattr(provider, "_storage_backend", None), DurableObjectStore):
        return
    check_seams(provider)
    began = time.monotonic()
    folder = DurableFolder(root)
    counts = [restore_bucket(bucket) for bucket in folder.existing()]
    module: Any = s3_provider  # LocalStack's types don't know that anything could be replaced
    module.S3Bucket = BucketFactory(folder)
    provider._storage_backend = DurableObjectStore(folder)
    provider._cors_handler.invalidate_cache()
    figures = (root, len(counts), sum(counts), time.monotonic() - began)
    LOG.info("S3 is durable in %s: %d buckets, %d objects, read in %.2f s", *figures)


def restore_bucket(folder: BucketFolder) -> int:
    """Bring one bucket back, and return how many objects it holds."""
    record = read_bucket_record(folder)
    bucket = DurableBucket(
        folder,
        name=folder.name,
        account_id=record["bucket_account_id"],
        bucket_region=record["bucket_region"],
        location_constraint=record["location_constraint"],
        owner=record["owner"],
        acl=record["acl"],
        object_ownership=record["object_ownership"],
    )
    bucket.creation_date = datetime.fromisoformat(record["creation_date"]).astimezone(GMT)
    count = restore_objects(bucket)
    store = s3_stores[bucket.bucket_account_id][bucket.bucket_region]
    store.buckets[bucket.name] = bucket
    store.global_bucket_map[bucket.name] = bucket.bucket_account_id
    return count


def read_bucket_record(folder: BucketFolder) -> dict[str, Any]:
    """Return the bucket's record; if it is damaged, a default one, so that its objects stay in reach."""
    try:
        record: dict[str, Any] = json.loads(folder.record_path.read_text(encoding="utf-8"))
        for name in BUCKET_FIELDS:
            record[name]
        datetime.fromisoformat(record["creation_date"])
        s3_stores[record["bucket_account_id"]][record["bucket_region"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        aside = folder.set_aside(*([folder.record_path] if folder.record_path.exists() else []))
        message = "record of bucket %s is damaged (%r): set aside in %s; serving the bucket with defaults"
        LOG.error(message, folder.name, error, aside)  # noqa: TRY400 (one line, no trace)
        record = default_record(folder)
        folder.replace_record(record)
    return record


def default_record(folder: BucketFolder) -> dict[str, Any]:
    """Return the record that CreateBucket without any option would have made."""
    owner = get_owner_for_account_id(DEFAULT_AWS_ACCOUNT_ID)
    return bucket_record(
        DurableBucket(
            folder,
            name=folder.name,
            account_id=DEFAULT_AWS_ACCOUNT_ID,
            bucket_region=AWS_REGION_US_EAST_1,
            owner=owner,
            acl=get_canned_acl(BucketCannedACL.private, owner=owner),
        )
    )


def restore_objects(bucket: DurableBucket) -> int:
    """Restore all objects that have whole files, set aside the others, remove bodies that no record names."""
    folder, keys = bucket.folder, cast("KeyStore", bucket.objects)
    folder.objects.mkdir(exist_ok=True)
    folder.bodies.mkdir(exist_ok=True)
    sizes = {path.name: path.stat().st_size for path in folder.bodies.iterdir()}
    for sidecar in list(folder.objects.iterdir()):
        try:
            s3_object = read_object(sidecar, folder, sizes)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            bodies = [folder.bodies / name for name in sizes if name.startswith(f"{sidecar.stem}.")]
            for path in bodies:
                del sizes[path.name]
            aside = folder.set_aside(sidecar, *bodies)
            message = "object in bucket %s is damaged (%s: %r): set aside in %s"
            LOG.error(message, bucket.name, sidecar.name, error, aside)  # noqa: TRY400 (one line, no trace)
        else:
            # The class of LocalStack, not ours: this object is on disk already.
            KeyStore.set(keys, s3_object.key, s3_object)
            del sizes[body_of(s3_object).name]
    # What is left was written but never acknowledged, or replaced or deleted just before the end.
    for name in sizes:
        (folder.bodies / name).unlink()
    return len(bucket.objects.values())


def read_object(sidecar: Path, folder: BucketFolder, sizes: dict[str, int]) -> Any:
    """Return the object a sidecar describes; raises if the two files don't belong together."""
    s3_object = object_from(json.loads(sidecar.read_bytes()), folder.bodies)
    body = body_of(s3_object).name
    if sidecar.stem != identifier(s3_object.key) or not body.startswith(f"{sidecar.stem}."):
        raise ValueError("the sidecar is another key's")
    if sizes.get(body) != s3_object.size:
        raise ValueError(f"the body has {sizes.get(body)} bytes, the sidecar says {s3_object.size}")
    return s3_object
