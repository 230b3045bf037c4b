"""What the lab takes at rest: PSS, so that pages shared by several processes count once."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from typing import Any

import psutil

from lab import ui
from lab.bench.figures import Figure, at_most, each, figure
from lab.bench.scratch import Scratch
from lab.engine.local.processes import own_processes
from lab.errors import ServiceError
from lab.wait import NotYetError, wait_until

MEMORY = "memory"
MIB = 1 << 20
QUIET_LIMIT = 120
QUIET_SHARE = 0.35
"""Of one core, over a window: heartbeats and the DAG processor's loop never stop."""
WINDOW, QUIET_WINDOWS = 2.0, 3


def at_rest(scratch: Scratch, times: int = 3) -> list[Figure]:
    """Memory of all processes together, and of each service with its children."""
    note = "" if wait_for_quiet(scratch) else "the lab was never quiet"
    services = []
    for number in range(1, times + 1):
        _, status = scratch.lab_json(f"lab status ({number} of {times})", "status")
        services.append(by_service(scratch, status))
    totals = [sum(sample.values()) for sample in services]
    kind = status["memory_kind"]
    return [
        *figure(MEMORY, f"all lab processes together, at rest ({kind})", "MiB", totals, goal=at_most(1536), note=note),
        *each(MEMORY, " ", "MiB", services),
    ]


def wait_for_quiet(scratch: Scratch) -> bool:
    """Wait until the lab's processes have used almost no processor time for a few seconds."""
    quiet = 0
    before = used(scratch)
    looked = time.monotonic()

    def look() -> None:
        nonlocal quiet, before, looked
        now, moment = used(scratch), time.monotonic()
        share = sum(max(0.0, now[pid] - before.get(pid, 0.0)) for pid in now) / (moment - looked)
        before, looked = now, moment
        quiet = quiet + 1 if share <= QUIET_SHARE else 0
        shown.note("", f"{share:.0%} of a core")
        if quiet < QUIET_WINDOWS:
            raise NotYetError(f"{share:.0%} of a core in use")

    with ui.live_list() as shown:
        shown.start("", "Waiting until the lab is at rest", QUIET_LIMIT)
        try:
            time.sleep(WINDOW)
            wait_until(look, what="the lab at rest", limit=QUIET_LIMIT, pause=WINDOW)
        except ServiceError:
            shown.end("", "·", "never quiet")
            return False
        shown.end("", "✓")
    return True


def used(scratch: Scratch) -> dict[int, float]:
    """Seconds of processor time of each process of the lab."""
    found = {}
    for process in family(scratch):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            found[process.pid] = times.user + times.system
    return found


def family(scratch: Scratch) -> list[psutil.Process]:
    """The lab's processes with all their descendants: one that writes its title over its environment is known by
    its parent only.
    """
    found = {process.pid: process for process in own_processes(scratch.home)}
    for process in list(found.values()):
        with contextlib.suppress(psutil.Error):
            found.update((one.pid, one) for one in process.children(recursive=True))
    return list(found.values())


def by_service(scratch: Scratch, status: dict[str, Any]) -> dict[str, float]:
    """MiB of each service, its children with it; the rest is the supervisor."""
    owners = {service["pid"]: service["name"] for service in status["services"] if service["pid"]}
    sums: dict[str, float] = dict.fromkeys(owners.values(), 0.0)
    others: dict[str, float] = defaultdict(float)
    for process in family(scratch):
        with contextlib.suppress(psutil.Error):
            line = [process.pid, *(parent.pid for parent in process.parents())]
            name = next((owners[pid] for pid in line if pid in owners), None)
            full = process.memory_full_info()
            size = getattr(full, "pss", full.rss) / MIB
            if name:
                sums[name] += size
            else:
                others["process supervisor"] += size
    return {**sums, **others}
