"""Starts one service: reads what to run from a private file, and becomes it.

The process supervisor's own configuration so holds no secret and no quoting, and a restart takes up a changed file.
Standard library only, and little of it: it runs before every service.
"""

import json
import os
import sys


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123 - pathlib would double the start-up time
        service = json.load(file)
    os.umask(0o077)
    os.chdir(service["folder"])
    os.execve(service["command"][0], service["command"], service["environment"])  # noqa: S606 - no shell is wanted


main()
