"""`modify_data` on a large CSV, compared with pandas: seconds and peak memory, each in a separate process."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import psutil

from lab import ui
from lab.bench.figures import Figure, at_least, at_most, each, figure, ratio
from lab.bench.measure import Usage, child
from lab.bench.scenarios.pandas_way import APPEND_ROW
from lab.pipeline.synthetic import generate
from lab.proc import clean_environment

MODIFY = "modify"
MIB = 1 << 20
BYTES_PER_ROW = 134
SMALLER = (0.01, 0.1)
"""Gigabytes of the smaller files."""
LIMIT, MAKE_LIMIT = 900, 1800
PANDAS_MEMORY = 8
"""Bytes of memory that must be available per byte of the file before pandas is run on it."""
APPEND = """\
import sys
from lab.pipeline.append import append_rows
path, md5, size = sys.argv[1:]
append_rows(path, 1, "bench", md5, int(size))
"""


def modify(folder: Path, gigabytes: float, python: Path, times: int = 3) -> list[Figure]:
    """Append one row to a CSV of that size, and to smaller ones: seconds grow with the size, memory does not.

    The files are kept in `folder` between benches.
    """
    sizes = sorted({*(size for size in SMALLER if size < gigabytes), gigabytes})
    return [found for size in sizes for found in modify_one(folder, size, python, times, goals=size == gigabytes)]


def modify_one(folder: Path, gigabytes: float, python: Path, times: int, *, goals: bool) -> list[Figure]:
    file, md5, size = dataset(folder, gigabytes)
    name = f"{size / 1e9:.2g} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"
    command = [sys.executable, "-c", APPEND, str(file), md5, str(size)]
    try:
        usages = [
            child(f"append_rows on {name} ({n} of {times})", command, env=child_environment(), cwd=folder, limit=LIMIT)
            for n in range(1, times + 1)
        ]
    finally:
        os.truncate(file, size)
    speeds = [size / 1e6 / usage.seconds for usage in usages]
    plain = with_pandas(folder, file, size, python, name)
    fast = at_least(100) if goals else None  # of a small file the start of Python is the larger part
    seconds, peaks = [usage.seconds for usage in usages], [usage.peak / MIB for usage in usages]
    return [
        *figure(MODIFY, f"modify_data on {name}, speed", "MB/s", speeds, goal=fast, note="file in the page cache"),
        *figure(MODIFY, f"modify_data on {name}, peak memory", "MiB", peaks, goal=at_most(256)),
        *figure(MODIFY, f"modify_data on {name}", "s", seconds),
        *each(MODIFY, f"pandas on {name},", "s", [{"seconds": usage.seconds} for usage in plain]),
        *each(MODIFY, f"pandas on {name},", "MiB", [{"peak memory": usage.peak / MIB} for usage in plain]),
        *ratio(MODIFY, f"pandas : modify_data on {name}, seconds", [usage.seconds for usage in plain], seconds),
        *ratio(
            MODIFY,
            f"pandas : modify_data on {name}, peak memory",
            [usage.peak for usage in plain],
            [u.peak for u in usages],
        ),
    ]


def dataset(folder: Path, gigabytes: float) -> tuple[Path, str, int]:
    """The file with its md5 and size; made once, and made again if it is not what its note says."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = max(1, round(gigabytes * 1e9 / BYTES_PER_ROW))
    file = folder / f"employees-{rows}.csv"
    note = file.with_suffix(".json")
    if file.exists() and note.exists():
        known = json.loads(note.read_text("utf-8"))
        if file.stat().st_size >= known["size"]:
            os.truncate(file, known["size"])  # added by a bench that was killed
            return file, known["md5"], known["size"]
    with ui.step(f"Generating {gigabytes:g} GB of employees (kept for the next bench)", MAKE_LIMIT):
        note.unlink(missing_ok=True)
        generate(file, rows)
        with file.open("rb") as stream:
            md5 = hashlib.file_digest(stream, "md5").hexdigest()
        size = file.stat().st_size
        note.write_text(json.dumps({"md5": md5, "size": size}), "utf-8")
    return file, md5, size


def with_pandas(folder: Path, file: Path, size: int, python: Path, name: str) -> list[Usage]:
    """The same row by pandas, once: it takes as long as all the others; not at all where memory is short."""
    needed = PANDAS_MEMORY * size
    free = psutil.virtual_memory().available
    if free < needed:
        ui.say(f"pandas is left out: {free / MIB:,.0f} of {needed / MIB:,.0f} MiB of memory are available")
        return []
    output = folder / "pandas"
    output.mkdir(exist_ok=True)
    command = [str(python), "-c", APPEND_ROW, str(file), str(output / "out.csv")]
    try:
        return [child(f"pandas on {name}", command, env=child_environment(), cwd=folder, limit=LIMIT)]
    finally:
        shutil.rmtree(output)


def child_environment() -> dict[str, str]:
    return clean_environment({"PYTHONDONTWRITEBYTECODE": "1"})
