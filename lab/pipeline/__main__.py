"""`python -m lab.pipeline pull|modify|push`: one step of a run, configured by PIPELINE_* variables.

Exit status: 0 done; 64 a wrong parameter, 65 a broken dataset, 76 a branch that was rewritten or deleted (none gets
better by trying again); 69 Git or the object store failed, 74 the disk refused, 75 another try is at work (the codes
are those of sysexits.h). A step after which the run is not tried again removes the run's folder.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

from lab.pipeline import run, steps, workspace
from lab.pipeline.errors import DatasetError, PipelineError, UsageError
from lab.pipeline.git import HistoryRewrittenError

STEPS = {"pull": steps.pull, "modify": steps.modify, "push": steps.push}


HOPELESS = tuple(error.exit_code for error in (UsageError, DatasetError, HistoryRewrittenError))
"""Exit statuses after which Airflow does not try again, as in the DAG."""


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in STEPS:
        sys.stderr.write("usage: python -m lab.pipeline pull|modify|push\n")
        return 64
    try:
        end_with(os.environ.get("PIPELINE_TASK_PROCESS", ""))
        this = run.from_environment(os.environ)
    except PipelineError as error:
        return report(error)
    started = time.monotonic()
    status = take(STEPS[arguments[0]], this)
    if status == 0:
        steps.say(f"{arguments[0]} took {time.monotonic() - started:.2f} s")
    return status


def take(step: Callable[[run.Run], None], this: run.Run) -> int:
    """Take one step of the run, holding its folder; the exit status."""
    try:
        with workspace.held(this):
            try:
                step(this)
            except PipelineError as error:
                if this.last_try or error.exit_code in HOPELESS:
                    workspace.remove(this)
                raise
    except PipelineError as error:
        return report(error)
    except OSError as error:  # a full or a read-only disk: what is there is whole, and the step can be run again
        sys.stderr.write(f"error: {error.strerror}: {error.filename or 'the run folder'}\n")
        sys.stderr.write("hint: is the disk or the shared volume full? The step continues from what is there\n")
        return 74
    return 0


def report(error: PipelineError) -> int:
    sys.stderr.write(f"error: {error.message}\nhint: {error.hint}\n")
    return error.exit_code


def end_with(task_process: str) -> None:
    """End this process with the one that it works for, so that no step continues without its task.

    PR_SET_PDEATHSIG of prctl(2), which only Linux has; in a pod there is nothing to do.
    """
    if not task_process or sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if str(os.getppid()) != task_process:
        raise workspace.RunBusyError("the task that started this step has ended", "Airflow tries it again")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
