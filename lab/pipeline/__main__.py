"""`python -m lab.pipeline pull|modify|push`: one step of a run, as told by PIPELINE_* variables.

Exit status: 0 done, 64 a wrong parameter, 65 a broken dataset (neither gets better by trying again),
69 Git or the object store failed.
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
    steps.say(f"{arguments[0]} took {time.monotonic() - started:.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
