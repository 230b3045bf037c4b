"""Runs every check of a running lab's phases twice and prints what it would have changed below `.lab`, as JSON.

Run as `python -B checks.py` in the folder of a checkout. What the lab's services write meanwhile does not count: Python
itself reports each call that changes a file ("Audit events table" in its documentation), also to root, whom a
read-only folder would not stop.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

CHANGES = {
    "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate",
    "os.utime",
}  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def main() -> None:
    sys.path.insert(0, str(Path.cwd()))
    from lab.cli import context
    from lab.paths import Paths

    engine, _ = context.engine()
    home, changes = str(Paths.of().home), []

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        changing = event in CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING)
        if changing and any(
            os.fsdecode(each).startswith(home) for each in arguments if isinstance(each, str | bytes | os.PathLike)
        ):
            changes.append(f"{event} {arguments}")

    sys.addaudithook(note)
    engine.access()
    done = [[phase.name for phase in engine.phases() if phase.done()] for _ in range(2)]
    sys.stdout.write(json.dumps({"changes": changes, "done": done, "all": [phase.name for phase in engine.phases()]}))


main()
