"""What this machine still has of objects that the bucket lacks: any file with the md5.

That finds DVC's caches (where a file is named by its md5), working files in run folders and clones, and the bodies of
LocalStack's durable folder, all in the same way.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.lineage.reproduce import file_md5


@dataclass(frozen=True)
class Found:
    """Files by the md5 of their bytes, and how many files or folders could not be read."""

    files: dict[str, Path]
    unreadable: int


def search(folders: list[Path], wanted: Mapping[str, int | None]) -> Found:
    """Search the folders for these md5s, each with its size in bytes if known. Links are not followed.

    A file is read if it has a wanted size, or if its path ends as a cache's does, in a wanted md5.
    """
    files: dict[str, Path] = {}
    sizes: dict[int, set[str]] = defaultdict(set)
    for md5, size in wanted.items():
        if size is not None:
            sizes[size].add(md5)
    unreadable = 0
    for file in walk(folders):
        if isinstance(file, OSError):
            unreadable += 1
            continue
        if len(files) == len(wanted):
            break
        try:
            state = file.lstat()
            named = file.parent.name + file.name
            if not stat.S_ISREG(state.st_mode) or (state.st_size not in sizes and named not in wanted):
                continue
            md5 = file_md5(file)
        except FileNotFoundError:  # a run has just ended
            continue
        except OSError:
            unreadable += 1
            continue
        for name in (md5, f"{md5}.dir"):
            if name in wanted:
                files.setdefault(name, file)
    return Found(files, unreadable)


def walk(folders: list[Path]) -> Iterator[Path | OSError]:
    """Every file below these folders, and each error on the way."""
    for folder in folders:
        errors: list[OSError] = []
        for place, _, names in os.walk(folder, onerror=errors.append):
            yield from (Path(place, name) for name in names)
        yield from (error for error in errors if not isinstance(error, FileNotFoundError))
