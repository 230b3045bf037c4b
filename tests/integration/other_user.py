"""What another user of the same machine sees of a lab: a function that runs in a process of that user."""

from __future__ import annotations

import json
import os
import stat
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")
OTHER = 65534
"""The ids of a user and a group without files here: the unprivileged ones of most systems."""
IS_ROOT = os.geteuid() == 0


def as_other_user(work: Callable[[], Found]) -> Found:
    """What `work` returns (as JSON) in a fork that has become the other user, for good and without any group.

    Only root can become another user.
    """
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        status = 1
        try:
            os.close(read)
            os.setgroups([])
            os.setgid(OTHER)
            os.setuid(OTHER)
            with os.fdopen(write, "w") as answer:
                json.dump(work(), answer)
            status = 0
        except BaseException:  # shown, and reported by the status
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read) as answer:
        said = answer.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the other user's process failed: see its traceback"
    found: Found = json.loads(said)
    return found


@contextmanager
def way_open_to(folder: Path) -> Iterator[None]:
    """Let every user traverse the parent folders of this one: pytest closes its own."""
    changed = {each: stat.S_IMODE(each.stat().st_mode) for each in folder.parents}
    try:
        for each, mode in changed.items():
            if mode & 0o005 != 0o005:
                each.chmod(mode | 0o005)
        yield
    finally:
        for each, mode in changed.items():
            each.chmod(mode)


def can_read(path: Path) -> bool:
    """Whether this process can read the file, or list the folder."""
    try:
        if path.is_dir():
            next(path.iterdir(), None)
        else:
            with path.open("rb") as file:
                file.read(1)
    except OSError:
        return False
    return True


def can_write(folder: Path) -> bool:
    """Whether this process can make a file in the folder."""
    try:
        (folder / "made-by-another-user").touch(exist_ok=False)
    except OSError:
        return False
    return True
