"""What lab-shell offers on every engine: programs under their usual names, each reaching the lab."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.paths import Paths


def link(paths: Paths, programs: Mapping[str, Path], commands: Mapping[str, Sequence[str]]) -> None:
    """Put `lab` and `programs` into `.lab/bin`, and a script for each of the `commands`."""
    folder = paths.bin
    folder.mkdir(parents=True, exist_ok=True)
    for name, program in programs.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(program)
    scripts = {"lab": ["sh", str(paths.source / "lab" / "bootstrap.sh")], **commands}
    for name, command in scripts.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', "utf-8")
        (folder / name).chmod(0o755)
