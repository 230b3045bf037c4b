"""How long `lab up` takes: on a fresh clone with empty caches, with caches warm, and when there is nothing to do."""

from __future__ import annotations

import shutil

from lab.bench.figures import Figure, at_most, each, figure
from lab.bench.scratch import Scratch

COLD, WARM = "cold", "warm"


def cold(scratch: Scratch) -> list[Figure]:
    """A fresh clone, no package cached: the wait of a new user, bootstrap and the download of uv included."""
    caches = scratch.folder / "empty-caches"
    shutil.rmtree(caches, ignore_errors=True)
    scratch.clone()
    variables = {"UV_CACHE_DIR": str(caches / "uv"), "PIP_CACHE_DIR": str(caches / "pip")}
    seconds, phases = scratch.up("lab up, fresh clone, empty package caches", **variables)
    own = (scratch.home / "environments" / "lab" / "uv-path").read_text("utf-8").startswith(str(scratch.home))
    shutil.rmtree(caches)
    return [
        *figure(
            COLD, "lab-up, fresh clone, empty package caches", "s", [seconds], goal=at_most(90),
            note="uv fetched too" if own else "uv was on PATH",
        ),
        *each(COLD, "  phase", "s", [phases]),
    ]  # fmt: skip


def prepare(scratch: Scratch) -> None:
    """A fresh clone that is up, without measuring it: the package caches are the user's own."""
    scratch.clone()
    scratch.up("lab up in a fresh clone (not measured)")


def warm(scratch: Scratch, times: int = 3) -> list[Figure]:
    """Down and up again, with the data kept; then up when it is up already."""
    downs, ups, phases = [], [], []
    for number in range(1, times + 1):
        downs.append(scratch.down(f"lab down ({number} of {times})"))
        seconds, took = scratch.up(f"lab up, caches warm ({number} of {times})")
        ups.append(seconds)
        phases.append(took)
    idle = [scratch.up(f"lab up, up already ({number} of {times})")[0] for number in range(1, times + 1)]
    return [
        *figure(WARM, "lab-up, caches warm, lab down", "s", ups, goal=at_most(20)),
        *each(WARM, "  phase", "s", phases),
        *figure(WARM, "lab-up, lab up already", "s", idle),
        *figure(WARM, "lab-down", "s", downs),
    ]
