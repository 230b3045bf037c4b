"""Compares what a command prints with a file in `errors/`, so that every message can be read, and reviewed, at once.

`UPDATE=1 make test-unit PYTEST="-k snapshot"` writes the files again: read the difference before you commit it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).with_name("errors")
VARIES = {
    r"in use by .* \(pid \d+\)": "in use by <program> (pid <pid>)",
    r"\(pid \d+\)": "(pid <pid>)",
    r"^    .*: \d+ %\n": "",
    r"^make: .* Error (\d)$": r"make: *** Error \1",
    r"127\.0\.0\.1:\d+": "127.0.0.1:<port>",
    r"manual__[\w:.+-]+": "<run>",
    r" {2,}\d+\.\d s$": "  <seconds> s",
    r"[\d,]+ MiB": "<n> MiB",
    r"Failed to connect to .*": "Failed to connect to <reason>",
    r"\bat [0-9a-f]{7,40}": "at <commit>",
    r"Makefile:\d+": "Makefile:<line>",
}
"""What differs from one run, or one machine, to the next; a regular expression each."""


def normal(text: str, names: Mapping[str, str]) -> str:
    """The text with the names of this machine's folders and files replaced, and what varies."""
    for value, name in sorted(names.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(value, name)
    for pattern, name in VARIES.items():
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def assert_snapshot(name: str, command: str, status: int, printed: str, names: Mapping[str, str]) -> None:
    """Fail unless `command` with this exit status and output is what the file `errors/<name>.txt` says."""
    found = normal(f"$ {command}\n{printed.rstrip()}\nexit status {status}", names)
    file = FOLDER / f"{name}.txt"
    if os.environ.get("UPDATE"):
        FOLDER.mkdir(exist_ok=True)
        file.write_text(found, "utf-8")
    assert found == file.read_text("utf-8"), "if the message is right, run the test with UPDATE=1 and commit the file"
