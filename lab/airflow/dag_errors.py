"""DAG files that Airflow cannot import: the file, the line and the error from the stack trace that its API returns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

FRAME = re.compile(r'^ *File "(?P<path>[^"]+)", line (?P<line>\d+)', re.MULTILINE)
"""A frame of a Python stack trace; of a syntax error, the place of the error."""
FOLDER = "dags"
"""The folder of DAG files in the repository: the bundle's `subdir`, which Airflow's file names do not contain."""

CORRECT = "correct it in the lab's repository and push; Airflow loads it within seconds"


@dataclass(frozen=True)
class ImportFault:
    """One DAG file that does not load. `line` is the place of the error in `file`, None if the trace names none.

    `file` is relative to the repository: the file that is at fault, which is one that `source` (as Airflow names the
    DAG file, relative to the folder of DAGs) imports if the error is there.
    """

    source: str
    file: str
    line: int | None
    error: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.error}"


def import_fault(found: dict[str, Any]) -> ImportFault:
    """An import error of Airflow's REST API (`ImportErrorResponse`), with the innermost frame in the repository."""
    source, trace = str(found["filename"]), str(found["stack_trace"])
    frames = list(FRAME.finditer(trace))
    error = summary(trace[trace.find("\n", frames[-1].end()) + 1 :] if frames else trace.strip().rpartition("\n")[2])
    roots = [frame["path"].removesuffix(source) for frame in frames if frame["path"].endswith(f"/{source}")]
    inside = [frame for frame in frames if roots and frame["path"].startswith(roots[-1])]
    if not inside:
        return ImportFault(source, f"{FOLDER}/{source}", None, error)
    path = inside[-1]["path"].removeprefix(roots[-1])
    return ImportFault(source, f"{FOLDER}/{path}", int(inside[-1]["line"]), error)


def summary(rest: str) -> str:
    """The first line of the error's message in what follows the last frame: code and its marks are indented."""
    lines = [line for line in rest.splitlines() if line.strip()] or ["no reason given"]
    return next((line for line in lines if not line.startswith(" ")), lines[-1]).strip()
