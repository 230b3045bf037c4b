"""The durable folder: where things lie, and how a change becomes visible at once or not at all.

::

    lock                                held by the one process that uses the folder
    buckets/<bucket>/bucket.json        the bucket's record
    buckets/<bucket>/objects/<id>.json  the sidecar of one key: an object exists if and only if this file does
    buckets/<bucket>/bodies/<id>.<n>    the bytes a sidecar names; written once, never changed
    scratch/                            everything unfinished; emptied at each start
    set-aside/                          damaged files, moved here for a person to look at; never deleted

``<id>`` is the SHA-256 of the key, because a key may be longer than a file name and hold any character. A
body is complete and on disk before a sidecar names it, and a sidecar is replaced by ``rename``: POSIX makes
that atomic, so a process killed at any instruction leaves the old object or the new one.
"""

import fcntl
import hashlib
import json
import os
import shutil
import threading
import uuid
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

__all__ = ["BucketFolder", "DurableFolder", "remove_when_unused"]

KEY_LOCKS = 64


def sync_folder(folder: Path) -> None:
    """Make renames and removals in a folder durable: POSIX asks for an fsync of the folder itself."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_synced(path: Path, record: dict[str, Any]) -> None:
    """Write a new JSON file: its bytes are on disk when this returns, its name is not yet."""
    with path.open("w", encoding="utf-8") as stream:
        json.dump(record, stream, indent=1, sort_keys=True)
        stream.flush()
        os.fsync(stream.fileno())


def remove_when_unused(owner: object, path: Path) -> None:
    """Remove a body that no sidecar names any more, as soon as no request holds the S3 object it belonged to.

    A reader that found the object a moment ago may not have opened the file yet. If the process is killed
    first, the next start removes the file.
    """
    weakref.finalize(owner, path.unlink, missing_ok=True).atexit = False


class DurableFolder:
    """The root of the durable folder, held by this process alone."""

    def __init__(self, root: Path) -> None:
        """Create or take over the folder; raises ``RuntimeError`` if another process has it."""
        self.root = root
        self.buckets = root / "buckets"
        self.scratch = root / "scratch"
        self.buckets.mkdir(parents=True, exist_ok=True)
        self._lock = self._take_lock()
        # Only under the lock: without it, this could be another process's unfinished work.
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        sync_folder(root)
        self._open: dict[str, BucketFolder] = {}
        self._open_guard = threading.Lock()

    def _take_lock(self) -> IO[str]:
        stream = (self.root / "lock").open("a", encoding="utf-8")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            raise RuntimeError(f"another process uses the durable S3 folder {self.root}") from None
        return stream

    def bucket(self, name: str) -> "BucketFolder":
        """Return the folder of a bucket, the same object each time, whether it exists on disk or not."""
        with self._open_guard:
            return self._open.setdefault(name, BucketFolder(self, name))

    def existing(self) -> Iterator["BucketFolder"]:
        """Yield the folder of every bucket on disk, by name."""
        for path in sorted(self.buckets.iterdir()):
            if path.is_dir():
                yield self.bucket(path.name)

    def scratch_path(self) -> Path:
        """Return a fresh path for something unfinished; renaming it into place stays on one file system."""
        return self.scratch / uuid.uuid4().hex


class BucketFolder:
    """One bucket's folder."""

    def __init__(self, parent: DurableFolder, name: str) -> None:
        """Name the folder; nothing is read or written yet."""
        self.parent = parent
        self.name = name
        self.path = parent.buckets / name
        self.record_path = self.path / "bucket.json"
        self.objects = self.path / "objects"
        self.bodies = self.path / "bodies"
        self._locks = [threading.RLock() for _ in range(KEY_LOCKS)]

    def key_lock(self, key: str) -> threading.RLock:
        """Return the lock under which a key's sidecar and its entry in memory change together."""
        return self._locks[hash(key) % KEY_LOCKS]

    def create(self, record: dict[str, Any]) -> None:
        """Make the bucket durable, whole or not at all; ``FileExistsError`` if the name is taken."""
        unfinished = self.parent.scratch_path()
        (unfinished / "objects").mkdir(parents=True)
        (unfinished / "bodies").mkdir()
        write_synced(unfinished / "bucket.json", record)
        sync_folder(unfinished)
        try:
            unfinished.rename(self.path)
        except OSError as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise FileExistsError(f"bucket folder {self.path} exists") from error
        sync_folder(self.parent.buckets)

    def delete(self) -> None:
        """Make the bucket's end durable, then free its space."""
        leftover = self.parent.scratch_path()
        self.path.rename(leftover)
        sync_folder(self.parent.buckets)
        shutil.rmtree(leftover, ignore_errors=True)

    def replace_record(self, record: dict[str, Any]) -> None:
        """Replace the bucket's record."""
        self._publish(record, self.record_path)

    def write_sidecar(self, key: str, record: dict[str, Any]) -> None:
        """Make an object exist as the record says. Its body must have been published."""
        self._publish(record, self.sidecar(key))

    def remove_sidecar(self, key: str) -> None:
        """Make an object not exist; durable after ``sync_objects``, so that many removals share one fsync."""
        self.sidecar(key).unlink(missing_ok=True)

    def sync_objects(self) -> None:
        """Make the removal of sidecars durable."""
        sync_folder(self.objects)

    def publish_body(self, unfinished: Path, key: str) -> Path:
        """Give a complete body, already synced, its final name. No name is ever used twice."""
        final = self.bodies / f"{identifier(key)}.{uuid.uuid4().hex}"
        unfinished.rename(final)
        sync_folder(self.bodies)
        return final

    def sidecar(self, key: str) -> Path:
        """Return where a key's sidecar is."""
        return self.objects / f"{identifier(key)}.json"

    def set_aside(self, *paths: Path) -> Path:
        """Move damaged files out of the way and return the folder they are in now."""
        target = self.parent.root / "set-aside" / f"{self.name}-{uuid.uuid4().hex}"
        target.mkdir(parents=True)
        for path in paths:
            path.rename(target / path.name)
        return target

    def _publish(self, record: dict[str, Any], final: Path) -> None:
        unfinished = self.parent.scratch_path()
        write_synced(unfinished, record)
        unfinished.rename(final)
        sync_folder(final.parent)


def identifier(key: str) -> str:
    """Return the part of a file name that stands for a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
