"""The machine that a bench ran on, and how busy it was."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import psutil

GIB = 1 << 30


@dataclass(frozen=True)
class Machine:
    """`memory` in bytes; `busy` is the share of the processors in use before the bench began, in percent."""

    cores: int
    memory: int
    processor: str
    python: str
    system: str
    date: str
    commit: str
    busy: float

    def line(self) -> str:
        return (
            f"{self.cores} cores ({self.processor}), {self.memory / GIB:.1f} GiB of memory, Python {self.python}, "
            f"{self.system}, {self.date}, commit {self.commit}; {self.busy:.0f} % busy before it began"
        )

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


def describe(commit: str) -> Machine:
    """This machine now; takes a second, in which its load is measured."""
    return Machine(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory=psutil.virtual_memory().total,
        processor=platform.machine(),
        python=platform.python_version(),
        system=system(),
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        commit=commit,
        busy=psutil.cpu_percent(interval=1.0),
    )


def system() -> str:
    """`Debian GNU/Linux 12 (bookworm)`, `macOS 15.1`: the system as its users call it."""
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]}"
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"
