"""The receipt of a data version: what made it, as JSON beside its data on the DVC remote, and in its commit's trailers.

It lies at `<remote>/receipts/<first two digits of the md5>/<the rest>.json`, as the data at `files/md5/…`, and is there
before the commit is. Its format is described in docs/lineage.md.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lab.pipeline.append import Appended
from lab.pipeline.dvc import Remote
from lab.pipeline.pointer import Pointer
from lab.pipeline.run import Run, Worker

FORMAT = 1
Receipt = dict[str, Any]


def of_run(run: Run, base: Pointer, commit: str, appended: Appended, tasks: Mapping[str, Any]) -> Receipt:
    """The receipt of the version that `run` makes of `base`, the pointer in `commit`."""
    return {
        "format": FORMAT,
        "dataset": str(run.dataset),
        "md5": appended.md5,
        "size": appended.size,
        "rows": appended.rows_after,
        "rows_added": appended.rows_after - appended.rows_before,
        "first_id": appended.first_id,
        "last_id": appended.last_id,
        "base": {"md5": base.md5, "size": base.size, "rows": appended.rows_before, "commit": commit},
        "seed": None,
        "run": {"dag": run.dag, "id": run.identity, "code_version": run.code_version, "date": run.date},
        "worker": worker(run.worker),
        "tasks": dict(tasks),
    }


def of_seed(dataset: str, pointer: Pointer, rows: int, seed: int, made_by: Worker) -> Receipt:
    """The receipt of a version that was generated."""
    return {
        "format": FORMAT,
        "dataset": dataset,
        "md5": pointer.md5,
        "size": pointer.size,
        "rows": rows,
        "rows_added": rows,
        "first_id": 1,
        "last_id": rows,
        "base": None,
        "seed": seed,
        "run": None,
        "worker": worker(made_by),
        "tasks": {},
    }


def worker(made_by: Worker) -> dict[str, str]:
    import dvc

    return {
        "image": made_by.image,
        "digest": made_by.digest,
        "dvc": str(dvc.__version__),
        "python": platform.python_version(),
    }


def place(md5: str) -> str:
    """Where the receipt of the data of that md5 is on the remote."""
    return f"receipts/{md5[:2]}/{md5[2:]}.json"


def content(receipt: Receipt) -> bytes:
    """The receipt as it is stored."""
    return json.dumps(receipt, indent=2, ensure_ascii=False).encode()


def task(started: float, ended: float) -> dict[str, Any]:
    """The times of a task; both in seconds since 1970."""
    start = datetime.fromtimestamp(started, UTC).isoformat(timespec="milliseconds")
    return {"start": start, "seconds": round(ended - started, 2)}


def trailers(receipt: Receipt) -> dict[str, Any]:
    """What the commit says of the receipt besides the data itself."""
    made_by = receipt["worker"]
    image = "@".join(part for part in (made_by["image"] or "environment", made_by["digest"]) if part)
    seconds = ", ".join(f"{name} {times['seconds']}" for name, times in receipt["tasks"].items())
    return {
        "Worker-Image": image.replace("environment@", "environment "),
        "Dvc-Version": made_by["dvc"],
        **({"Task-Seconds": seconds} if seconds else {}),
    }


def put(remote: Remote, receipt: Receipt) -> None:
    """Write it to the DVC remote; the same receipt again replaces it.

    Raises:
        DvcError: the remote refused it or could not be reached.
    """
    remote.write(place(receipt["md5"]), content(receipt))
