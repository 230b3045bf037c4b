"""Git's log as fields and changes, framed by NUL alone: no name, message or path can contain one (git-log(1), `-z`).

A record is a fixed number of fields, then for each changed file two more in Git's raw format (git-diff(1), "RAW OUTPUT
FORMAT"). A field is counted and never searched for, so nothing that a person puts into a commit moves another field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

FILE, EXECUTABLE, SYMLINK, SUBMODULE, REMOVED = "100644", "100755", "120000", "160000", "000000"
"""Modes of Git's raw format."""
ODDITIES = {SYMLINK: "a symbolic link", SUBMODULE: "a submodule"}
"""What stands where a file or a folder should, by its mode."""
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that steer a terminal, end a line or change the direction of text."""


@dataclass(frozen=True)
class Change:
    """A file as the commit leaves it: its mode, its blob, and its path."""

    mode: str
    blob: str
    path: str


@dataclass(frozen=True)
class Logged:
    """A commit's fields in the order asked for, and the files that it changed."""

    fields: list[str]
    changes: list[Change]


def trailer(name: str) -> str:
    """The field with the values of this trailer; a folded value is one line, several are separated by commas."""
    return f"%(trailers:key={name},valueonly,unfold,separator=%x2C)"


def records(output: str, fields: int) -> Iterator[Logged]:
    """The records of `git log -z --format=<fields separated by %x00>`, with `--raw --no-abbrev` or without.

    The first field is one that is never empty, as the commit's hash: before the files of a merge (`-c`) Git writes one
    NUL more.

    Raises:
        ValueError: the output is not that.
    """
    parts = output.split("\0")
    if parts.pop():
        raise ValueError("the output of git log is incomplete")
    place = 0
    while place < len(parts):
        found = [printable(part) for part in parts[place : place + fields]]
        if len(found) < fields:
            raise ValueError("the output of git log is incomplete")
        place += fields
        changes = []
        place += parts[place : place + 1] == [""]
        while place + 1 < len(parts) and parts[place].lstrip("\n").startswith(":"):
            changes.append(change(parts[place].lstrip("\n"), parts[place + 1]))
            place += 2
        yield Logged(found, changes)


def change(description: str, path: str) -> Change:
    """One file in raw format; of a merge, as `-c` shows it, there is a mode and a blob for each parent before."""
    words = description.lstrip(":").split(" ")
    parents = len(description) - len(description.lstrip(":"))
    return Change(mode=words[parents], blob=words[2 * parents + 1], path=printable(path))


def printable(text: str) -> str:
    """The text on one line, without what a terminal would obey."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def joined(fields: Sequence[str]) -> str:
    """The `--format` for these fields."""
    return "%x00".join(fields)
