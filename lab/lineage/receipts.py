"""Receipts: what made a version, as JSON next to its data in the bucket, compared with what its commit says."""

from __future__ import annotations

import json
from typing import Any

from lab.access import Access
from lab.components import storage
from lab.lineage.versions import DataVersion
from lab.pipeline.receipt import FORMAT

Receipt = dict[str, Any]


def read(access: Access, md5: str, s3: Any) -> Receipt | None:
    """The receipt of the data of that md5, or None. One that is not a JSON object is `{}`, and agrees with nothing.

    Raises:
        ServiceError: the object store does not answer.
    """
    return at(access, storage.receipt_key(access, md5), s3)


def at(access: Access, key: str, s3: Any) -> Receipt | None:
    """The receipt under this key; see `read`."""
    content = storage.read_object(access, key, s3)
    if content is None:
        return None
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def value(receipt: Receipt, *path: str) -> Any:
    """The value at this path, or None; a receipt may hold anything."""
    found: Any = receipt
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def problems(version: DataVersion, receipt: Receipt | None) -> list[str]:
    """Where the receipt does not say what the commit says. Versions that were made without one need none."""
    if receipt is None:
        return ["its receipt is missing"] if version.promises_receipt else []
    claims: list[tuple[str, Any]] = [("md5", version.md5), ("size", version.size)]
    if version.promises_receipt:
        claims += [("dataset", version.path), ("rows", version.rows), ("rows_added", version.rows_added),
                   ("base md5", version.base_md5), ("seed", version.seed), ("run id", version.run_id),
                   ("run dag", version.dag_id), ("worker dvc", version.dvc_version)]  # fmt: skip
    return [
        f"its receipt says {name} {value(receipt, *name.split())}, its commit {claimed}"
        for name, claimed in claims
        if claimed is not None and value(receipt, *name.split()) != claimed
    ]


def remade(version: DataVersion, base: DataVersion | None, last_id: int) -> Receipt:
    """The receipt as far as its commit has it; `restored` marks one without the start times of the tasks.

    `last_id` is the data's; `base` is the version that it was made from.
    """
    added = version.rows_added or 0
    known_base = base is not None and base.md5 == version.base_md5
    image, _, digest = (version.worker or "").replace("environment ", "@").rpartition("@")
    return {
        "format": FORMAT,
        "dataset": version.path,
        "md5": version.md5,
        "size": version.size,
        "rows": version.rows,
        "rows_added": version.rows_added,
        "first_id": last_id - added + 1,
        "last_id": last_id,
        "base": None if version.base_md5 is None else {
            "md5": version.base_md5,
            "size": base.size if base and known_base else None,
            "rows": None if version.rows is None else version.rows - added,
            "commit": version.parent,
        },
        "seed": version.seed,
        "run": None if version.run_id is None else {
            "dag": version.dag_id,
            "id": version.run_id,
            "code_version": version.code_version,
            "date": version.subject.removeprefix("Data version: "),
        },
        "worker": {"image": image, "digest": digest, "dvc": version.dvc_version, "python": ""},
        "tasks": {name: {"start": None, "seconds": took} for name, took in (version.task_seconds or {}).items()},
        "restored": True,
    }  # fmt: skip
