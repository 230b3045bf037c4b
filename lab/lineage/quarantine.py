"""The quarantine: where `lab gc` keeps an object for some days before it deletes it.

The key says since when, by the object store's clock, and which key the object had: outside the DVC remote, where no pod
has a permission.

    quarantine/20261121T113152Z/dvc/files/md5/9b/34259c2248d1232f8593fb61663882

An object is moved by a copy, a check of the copy, and only then a deletion: a command that is killed at any line leaves
it at one of its keys, or at both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab.access import Access
from lab.components import storage

PREFIX = "quarantine"
TIME = "%Y%m%dT%H%M%SZ"
KEY = re.compile(rf"{PREFIX}/([0-9]{{8}}T[0-9]{{6}}Z)/(.+)", re.DOTALL)


@dataclass(frozen=True)
class Held:
    """An object in the quarantine: its key there, the key that it had, since when it is there, its size in bytes."""

    key: str
    original: str
    since: datetime
    size: int


def listed(access: Access, s3: Any) -> list[Held]:
    """The objects below the lab's own prefix, the latest first; the rest of `quarantine/` is not the lab's.

    Raises:
        ServiceError: the object store does not answer.
    """
    found = []
    for each in storage.below(access, f"{PREFIX}/", s3):
        parts = KEY.fullmatch(each.key)
        since = time_of(parts[1]) if parts else None
        if parts and since and parts[2].startswith(f"{access.settings.storage.prefix}/"):
            found.append(Held(each.key, parts[2], since, each.size))
    return found[::-1]


def time_of(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, TIME).replace(tzinfo=UTC)
    except ValueError:  # digits that are no time
        return None


def put(access: Access, key: str, modified: datetime, s3: Any) -> bool:
    """Move an object there that was last modified at this time; False: it was changed or is gone, and stays as it is.

    Raises:
        ServiceError: the object store refused or does not answer; nothing is lost.
    """
    before = storage.head(access, key, s3)
    if before is None or before.modified != modified:
        return False
    storage.copy(access, key, f"{PREFIX}/{before.now.astimezone(UTC).strftime(TIME)}/{key}", s3)
    after = storage.head(access, key, s3)
    if after is None or after.modified != modified:
        return False
    storage.remove(access, key, s3)
    return True


def restore(access: Access, each: Held, s3: Any) -> bool:
    """Restore an object; False: another one has its key meanwhile, and both stay.

    Raises:
        ServiceError: the object store refused or does not answer; nothing is lost.
    """
    kept, there = storage.head(access, each.key, s3), storage.head(access, each.original, s3)
    if kept is None:
        return there is not None
    if there is None:
        storage.copy(access, each.key, each.original, s3)
    elif not there.has_content_of(kept):
        return False
    storage.remove(access, each.key, s3)
    return True
