"""The lab's own processes, known by LAB_HOME in their environment; no other process is ever touched."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Memory:
    """Bytes of all the lab's processes together; `kind` is PSS where the system reports it, else RSS."""

    total: int
    kind: str
    processes: int


def own_processes(home: Path) -> Iterator[psutil.Process]:
    """Every living process of the lab at `home`, less this one, its parents and its children (a running install)."""
    this = psutil.Process()
    me = {os.getpid(), *(process.pid for process in (*this.parents(), *this.children(recursive=True)))}
    for process in psutil.process_iter():
        if process.pid in me:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("LAB_HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def end_all(home: Path, patience: float = 5) -> int:
    """End what is left of the lab's processes, with SIGTERM, then SIGKILL; return how many there were."""
    left = list(own_processes(home))
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=patience)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=patience)
    return len(left)


def memory(home: Path) -> Memory:
    total, count, kind = 0, 0, "PSS"
    for process in own_processes(home):
        with contextlib.suppress(psutil.Error):
            full = process.memory_full_info()
            if not hasattr(full, "pss"):
                kind = "RSS"
            total += getattr(full, "pss", full.rss)
            count += 1
    return Memory(total, kind, count)
