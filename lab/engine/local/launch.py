"""Starts one service: reads what to run from a private file, and executes it in place.

So the process supervisor's own configuration needs no secrets or quoting, and a restart uses a changed file.
Standard library only, and little of it: it runs before every service.
"""

import json
import os
import sys


def main() -> None:
    description = sys.argv[1]
    with open(description, encoding="utf-8") as file:  # noqa: PTH123 - pathlib would double the start-up time
        service = json.load(file)
    os.umask(0o077)
    end_orphans(f"{description}.group", service["environment"])
    os.chdir(service["folder"])
    os.execve(service["command"][0], service["command"], service["environment"])  # noqa: S606 - no shell is wanted


def end_orphans(memory: str, environment: dict[str, str]) -> None:
    """End leftovers of the service's last process group, if any; then remember the new group.

    supervisord starts each service in a new process group (`os.setpgrp`), which includes its children.
    """
    try:
        with open(memory, encoding="utf-8") as file:  # noqa: PTH123
            group = int(file.read())
        os.killpg(group, 0)
    except (OSError, ValueError):
        pass  # the usual case: a first start, or nothing is left
    else:
        import subprocess

        command = [sys.executable, "-m", "lab.engine.local.orphans", str(group)]
        subprocess.run(command, env=environment, check=False, timeout=20)
    with open(memory, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(str(os.getpgrp()))


main()
