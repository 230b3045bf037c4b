"""Ends what a killed service has left behind: Airflow's idle executor workers.

They would wait forever for tasks of a scheduler that has ended. One that still runs a task may finish it: it
reports to the API server, and the new scheduler takes the result.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import psutil

from lab.airflow.processes import IDLE_WORKER
from lab.engine.local.processes import own_processes


def end_idle_workers(home: Path, group: int) -> int:
    """End the idle workers of the lab at `home` in that process group; return how many there were."""
    ended = 0
    for process in own_processes(home):
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) == group and " ".join(process.cmdline()).startswith(IDLE_WORKER):
                process.kill()  # SIGTERM goes to the handler that it inherited from its scheduler, which ignores it
                ended += 1
    return ended


if __name__ == "__main__":
    end_idle_workers(Path(os.environ["LAB_HOME"]), int(sys.argv[1]))
