"""Buckets and key stores: what LocalStack's S3 provider asks whether something exists.

``S3Provider`` (LocalStack 4.13.1, ``localstack.services.s3.provider``) calls ``S3Bucket(...)`` for
CreateBucket, ``bucket.objects.set`` as the last step of PutObject, CopyObject, CompleteMultipartUpload and
POST uploads, when bytes and metadata are final, and ``bucket.objects.pop`` for DeleteObject(s). So these are
the places where a change is made durable: before it can be seen where that is possible, and always before the
response.
"""

from typing import Any

from localstack.aws.api import CommonServiceException
from localstack.services.s3.models import KeyStore, S3Bucket, S3DeleteMarker, VersionedKeyStore

from lab_hooks.durable_s3.files import BucketFolder, DurableFolder
from lab_hooks.durable_s3.records import bucket_record, object_record
from lab_hooks.durable_s3.storage import release_body

__all__ = ["BucketFactory", "DurableBucket", "DurableKeyStore", "DurableVersionedKeyStore"]


class DurableKeyStore(KeyStore):
    """The keys of an unversioned bucket; disk first, then memory."""

    def __init__(self, folder: BucketFolder) -> None:
        """Start empty."""
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        self.folder = folder

    def set(self, object_key: str, s3_object: Any) -> None:
        """Make the object durable, then visible; what it replaces keeps its bytes while it has readers."""
        with self.folder.key_lock(object_key):
            replaced = self.get(object_key)
            self.folder.write_sidecar(object_key, object_record(s3_object))
            super().set(object_key, s3_object)
        if replaced is not None and replaced is not s3_object:
            release_body(replaced)

    def pop(self, object_key: str, default: Any = None) -> Any:
        """Remove the object; the provider then calls ``DurableObjectStore.remove``: durable."""
        with self.folder.key_lock(object_key):
            self.folder.remove_sidecar(object_key)
            return super().pop(object_key, default)


class DurableVersionedKeyStore(VersionedKeyStore):
    """The keys of a versioned bucket; on disk there is one sidecar per key, that of its current version.

    Memory first, then disk, because only LocalStack's key store knows which version is current afterwards.
    """

    def __init__(self, folder: BucketFolder) -> None:
        """Start empty."""
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        self.folder = folder

    def set(self, object_key: str, s3_object: Any) -> None:
        """Add a version or a delete marker, and make what is current now durable."""
        with self.folder.key_lock(object_key):
            replaced = self.get(object_key, s3_object.version_id)
            super().set(object_key, s3_object)
            self._write_current(object_key)
        if replaced is not None and replaced is not s3_object:
            release_body(replaced)

    def pop(self, object_key: str, version_id: Any = None, default: Any = None) -> Any:
        """Remove a version or a delete marker, and make what is current now durable."""
        with self.folder.key_lock(object_key):
            removed = super().pop(object_key, version_id, default)
            self._write_current(object_key)
            return removed

    def _write_current(self, object_key: str) -> None:
        current = self.get(object_key)
        if current is None or isinstance(current, S3DeleteMarker):
            self.folder.remove_sidecar(object_key)
            self.folder.sync_objects()
        else:
            self.folder.write_sidecar(object_key, object_record(current))


class DurableBucket(S3Bucket):
    """A bucket with a durable key store, also after LocalStack has replaced it to enable versioning."""

    def __init__(self, folder: BucketFolder, **settings: Any) -> None:
        """Take the arguments of ``S3Bucket`` by name."""
        self.folder = folder
        super().__init__(**settings)

    @property
    def objects(self) -> DurableKeyStore | DurableVersionedKeyStore:
        """Return the key store."""
        return self._objects

    @objects.setter
    def objects(self, plain: KeyStore | VersionedKeyStore) -> None:
        """Take over what a key store made by LocalStack holds; it is on disk already, or empty."""
        kind = DurableVersionedKeyStore if isinstance(plain, VersionedKeyStore) else DurableKeyStore
        self._objects = kind(self.folder)
        self._objects._store = plain._store


class BucketFactory:
    """Stands in for the class ``S3Bucket`` in the provider; called after all checks of CreateBucket."""

    def __init__(self, folder: DurableFolder) -> None:
        """Create buckets in this folder."""
        self.folder = folder

    def __call__(self, **settings: Any) -> DurableBucket:
        """Return a bucket that is durable already: from here on the provider only makes it visible."""
        bucket = DurableBucket(self.folder.bucket(settings["name"]), **settings)
        try:
            bucket.folder.create(bucket_record(bucket))
        except FileExistsError:
            # Another request is creating or deleting this bucket; the code S3 documents for that.
            raise CommonServiceException(
                "OperationAborted",
                "A conflicting conditional operation is currently in progress against this resource.",
                status_code=409,
            ) from None
        return bucket
