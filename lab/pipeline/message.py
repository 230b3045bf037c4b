"""The commit of a data version: its subject and its trailers (git-interpret-trailers(1)), written and read here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.pipeline.append import ROW_KEY, Appended
from lab.pipeline.pointer import Pointer
from lab.pipeline.run import Run


def commit_message(run: Run, base: Pointer, appended: Appended, further: Mapping[str, Any]) -> str:
    """`Data version: <date>`, one line of prose, and what made the version; `further` trailers stand last."""
    trailers = {
        "Data-Path": run.dataset,
        "Data-Md5": appended.md5,
        "Data-Size": appended.size,
        "Data-Rows": appended.rows_after,
        "Data-Rows-Added": appended.rows_after - appended.rows_before,
        "Data-Base": base.md5,
        "Data-Row-Key": ROW_KEY,
        "Run-Id": run.identity,
        "Dag-Id": run.dag,
        "Dag-Version": run.code_version or "unknown",
        **further,
    }
    prose = f"{run.dataset}: {appended.rows_before} rows + {appended.rows_after - appended.rows_before}"
    return f"Data version: {run.date}\n\n{prose}\n\n" + "\n".join(f"{key}: {value}" for key, value in trailers.items())
