"""The object store that LocalStack's S3 provider calls for bytes: its files *are* the durable files.

Keeps to the interface and the bookkeeping (size, ETag, checksum) of
``localstack.services.s3.storage.ephemeral`` 4.13.1, with one difference: a write makes a new file and never
changes one. So a reader has the whole old object or the whole new one without locks, and a write that fails
(bad digest, broken upload) leaves the old object as it was.
"""

import base64
import hashlib
import os
import time
from collections.abc import Iterator
from io import BytesIO, UnsupportedOperation
from typing import IO, TYPE_CHECKING, Any, Literal

from localstack.aws.api.s3 import NoSuchKey
from localstack.services.s3.constants import S3_CHUNK_SIZE
from localstack.services.s3.storage.core import S3StoredObject
from localstack.services.s3.storage.ephemeral import EphemeralS3ObjectStore
from localstack.services.s3.utils import get_s3_checksum

from lab_hooks.durable_s3.files import BucketFolder, DurableFolder, remove_when_unused
from lab_hooks.durable_s3.records import body_of, set_body

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["DurableObjectStore", "DurableStoredObject", "release_body"]


def release_body(s3_object: Any) -> None:
    """Remove the body of an object that was replaced, once no request that found it is left."""
    remove_when_unused(s3_object, body_of(s3_object))


class DurableStoredObject(S3StoredObject):
    """One open body: ``r`` reads a published one, ``w`` writes a new one and publishes it when complete."""

    def __init__(self, s3_object: Any, bucket: BucketFolder, mode: Literal["r", "w"]) -> None:
        """Open the body for reading at once, or wait for the first byte to write."""
        super().__init__(s3_object=s3_object, mode=mode)
        self.size = 0
        self._bucket = bucket
        self._unfinished: Path | None = None
        self._file: IO[bytes] | None = self._open_published() if mode == "r" else None
        self._checksum_hash: Any = None
        self._etag: str | None = None

    def _open_published(self) -> IO[bytes]:
        try:
            return body_of(self.s3_object).open("rb")
        except FileNotFoundError:
            # The object was deleted between the look-up and this line.
            raise NoSuchKey("The specified key does not exist.", Key=self.s3_object.key) from None

    def _start(self) -> IO[bytes]:
        """Return a new, empty, unpublished body."""
        if self._mode != "w":
            raise UnsupportedOperation("S3 object is not in write mode")
        self._abandon()
        self._unfinished = self._bucket.parent.scratch_path()
        self._file = self._unfinished.open("w+b")
        self.size = 0
        return self._file

    def write(self, stream: IO[bytes] | S3StoredObject | None) -> int:
        """Store all of the stream and publish it; sets size, ETag and modification time of the S3 object."""
        if self.s3_object.checksum_algorithm:
            self._checksum_hash = get_s3_checksum(self.s3_object.checksum_algorithm)
        etag = hashlib.md5(usedforsecurity=False)
        output = self._start()
        source = stream if stream is not None else BytesIO()
        while data := source.read(S3_CHUNK_SIZE):
            output.write(data)
            etag.update(data)
            if self._checksum_hash:
                self._checksum_hash.update(data)
        self.size = self.s3_object.size = output.tell()
        self._etag = self.s3_object.etag = etag.hexdigest()
        self._publish()
        return self.size

    def append(self, part: S3StoredObject) -> int:
        """Add one part of a multipart upload. Published by ``close``, once all parts are there."""
        output = self._file or self._start()
        added = 0
        while data := part.read(S3_CHUNK_SIZE):
            added += output.write(data)
        self.size += added
        self.s3_object.size = self.size
        return added

    def truncate(self, size: int | None = None) -> int:  # noqa: ARG002
        """Start over; LocalStack does so before it appends the parts of an upload."""
        self._start()
        return 0

    def _publish(self) -> None:
        """Make the body durable under its final name. It is not visible before a sidecar names it."""
        if self._file is None or self._unfinished is None:
            return
        self._file.flush()
        os.fsync(self._file.fileno())
        set_body(self.s3_object, self._bucket.publish_body(self._unfinished, self.s3_object.key))
        self._unfinished = None
        self.s3_object.internal_last_modified = time.time_ns()

    def _abandon(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._unfinished is not None:
            self._unfinished.unlink(missing_ok=True)
            self._unfinished = None

    def __exit__(self, *error: object) -> None:
        """Publish what was appended, unless the block failed."""
        if error and error[0] is not None:
            self._abandon()
        self.close()

    def close(self) -> None:
        """Publish a body that is not yet, and let go of the file."""
        try:
            self._publish()
        finally:
            self._abandon()
            self.closed = True

    def read(self, s: int = -1) -> bytes:
        """Read at most that many bytes. The file belongs to this one request, so no lock is needed."""
        return self._file.read(s) if self._file is not None else b""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move the position for the next read."""
        return self._file.seek(offset, whence) if self._file is not None else 0

    def _digest(self, digest: Any) -> Any:
        """Feed all bytes to a digest and keep the position."""
        position = self.seek(0, os.SEEK_CUR)
        self.seek(0)
        while data := self.read(S3_CHUNK_SIZE):
            digest.update(data)
        self.seek(position)
        return digest

    @property
    def last_modified(self) -> int:
        """Return what the S3 object says: a write makes a new object and new bytes, so they can't differ."""
        moment: int = self.s3_object.internal_last_modified
        return moment

    @property
    def checksum(self) -> str | None:
        """Return the checksum by the S3 object's algorithm, in base64; computed if it isn't known."""
        if not self.s3_object.checksum_algorithm:
            return None
        if self._checksum_hash is None:
            algorithm = get_s3_checksum(self.s3_object.checksum_algorithm)
            self._checksum_hash = self._digest(algorithm)
        return base64.b64encode(self._checksum_hash.digest()).decode()

    @property
    def etag(self) -> str:
        """Return the MD5 of the bytes."""
        if self._etag is None:
            self._etag = str(self._digest(hashlib.md5(usedforsecurity=False)).hexdigest())
        return self._etag

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes in chunks; the HTTP server closes this object after the last."""
        while data := self.read(S3_CHUNK_SIZE):
            yield data


class DurableObjectStore(EphemeralS3ObjectStore):
    """Objects in the durable folder; parts of unfinished uploads stay temporary, as LocalStack has them."""

    def __init__(self, folder: DurableFolder) -> None:
        """Serve from a folder that this process holds."""
        super().__init__(str(folder.scratch / "uploads"))
        self.folder = folder

    def open(self, bucket: str, s3_object: Any, mode: Literal["r", "w"] = "r") -> Any:
        """Open an object's body."""
        return DurableStoredObject(s3_object, self.folder.bucket(bucket), mode)

    def copy(self, src_bucket: str, src_object: Any, dest_bucket: str, dest_object: Any) -> Any:
        """Copy a body into a new one, also onto the same key: the old one may have readers."""
        with self.open(src_bucket, src_object) as source:
            target = self.open(dest_bucket, dest_object, mode="w")
            target.write(source)
        return target

    def remove(self, bucket: str, s3_object: Any | list[Any]) -> None:
        """Make the removal of objects durable (the key store removed their sidecars), then free the space.

        Also called for an object that was written and then refused; it has a body and never had a sidecar.
        """
        self.folder.bucket(bucket).sync_objects()
        for removed in s3_object if isinstance(s3_object, list) else [s3_object]:
            body_of(removed).unlink(missing_ok=True)

    def delete_bucket(self, bucket: str) -> None:
        """Make the bucket's end durable and drop its unfinished uploads."""
        self.folder.bucket(bucket).delete()
        super().delete_bucket(bucket)
