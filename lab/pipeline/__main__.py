"""`python -m lab.pipeline pull|modify|push`: one step of a run, as told by PIPELINE_* variables.

Exit status: 0 done, 64 a wrong parameter, 65 a broken dataset (neither gets better by trying again),
69 Git or the object store failed, 74 the disk refused (the codes are those of sysexits.h).
"""

from __future__ import annotations

import os
import sys
import time

from lab.pipeline import run, steps
from lab.pipeline.errors import PipelineError

STEPS = {"pull": steps.pull, "modify": steps.modify, "push": steps.push}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in STEPS:
        sys.stderr.write("usage: python -m lab.pipeline pull|modify|push\n")
        return 64
    started = time.monotonic()
    try:
        STEPS[arguments[0]](run.from_environment(os.environ))
    except PipelineError as error:
        sys.stderr.write(f"error: {error.message}\nhint: {error.hint}\n")
        return error.exit_code
    except OSError as error:  # a full or a read-only disk: what is there is whole, and the step can be run again
        sys.stderr.write(f"error: {error.strerror}: {error.filename or 'the run folder'}\n")
        sys.stderr.write("hint: is the disk or the shared volume full? The step goes on from what is there\n")
        return 74
    steps.say(f"{arguments[0]} took {time.monotonic() - started:.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
