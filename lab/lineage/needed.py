"""What the repository needs from the bucket: every md5 that a pointer names in any commit of any branch, tag or other
ref.

Pointers are `.dvc` files and `dvc.lock` (DVC's "dvc.yaml and .dvc files" reference). The md5 of a folder ends in
`.dir`, and its object is a JSON list of the files in it, each with its md5: those are needed as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lab.access import Access
from lab.components import storage
from lab.pipeline.git import Repository
from lab.pipeline.log import REMOVED, SUBMODULE

MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
FOLDER = ".dir"
LARGEST = 20_000_000
"""Characters of a pointer: YAML takes about a minute for so many."""


@dataclass
class Needed:
    """The md5s with their sizes (None where no pointer says), and what could not be read: then there may be more."""

    sizes: dict[str, int | None] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    def add(self, md5: str, size: object = None) -> None:
        known = self.sizes.get(md5)
        self.sizes[md5] = known if known is not None else size if isinstance(size, int) else None


class UnreadableError(Exception):
    """A pointer is not one; never leaves this module."""


def of_repository(access: Access, clone: Repository, s3: Any) -> Needed:
    """Everything that the refs of `clone`, a mirror, need; folders are looked up in the bucket."""
    found = Needed()
    pointers = pointers_of(clone)
    contents = clone.blobs([blob for blob, _ in pointers])
    for (_, place), content in zip(pointers, contents, strict=True):
        try:
            for md5, size in named(content):
                found.add(md5, size)
        except UnreadableError as error:
            found.unreadable.append(f"{place}: {error}")
    for md5 in [md5 for md5 in found.sizes if md5.endswith(FOLDER)]:
        add_folder(access, md5, found, s3)
    return found


def pointers_of(clone: Repository) -> list[tuple[str, str]]:
    """Every pointer that any commit of any ref has or had: its blob, and where it is.

    A blob is in a commit's tree because the commit added it (compared with each of its parents, also for merges) or
    because a parent had it, and so on to the commit that added it.
    """
    log = clone.log(["%H"], "--all", "-m", "--root", "--raw", "--no-abbrev", "--no-renames")
    blobs: dict[str, str] = {}
    for commit in log:
        for change in commit.changes:
            if is_pointer(change.path) and change.mode not in {REMOVED, SUBMODULE}:
                blobs.setdefault(change.blob, f"{change.path} at {commit.fields[0][:10]}")
    return list(blobs.items())


def is_pointer(name: str) -> bool:
    return name.endswith(".dvc") or name.rpartition("/")[2] == "dvc.lock"


def named(content: str) -> list[tuple[str, object]]:
    """Every md5 in a pointer, with the size next to it.

    Raises:
        UnreadableError: it is not YAML, or an output names no object by md5.
    """
    if len(content) > LARGEST:
        raise UnreadableError(f"it has more than {LARGEST:,} characters")
    try:
        whole = YAML(typ="safe", pure=True).load(content)
    except (YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise UnreadableError("it is not YAML") from error
    if not isinstance(whole, dict):
        raise UnreadableError("it is not a DVC pointer")
    for output in outputs(whole):
        if not isinstance(output, dict) or ("md5" not in output and "deps" not in whole and "files" not in output):
            raise UnreadableError("an output of it has no md5")
    try:
        return list(md5s(whole, set()))
    except RecursionError as error:
        raise UnreadableError("it is nested too deeply") from error


def outputs(whole: dict[Any, Any]) -> list[Any]:
    """The outputs of a `.dvc` file, or of all stages of a `dvc.lock`."""
    if "stages" in whole:
        stages = list(whole["stages"].values()) if isinstance(whole["stages"], dict) else [None]
        return [output for stage in stages for output in outputs_of(stage)]
    if "outs" not in whole:
        raise UnreadableError("it has no outputs")
    return outputs_of(whole)


def outputs_of(stage: object) -> list[Any]:
    found = stage.get("outs") or [] if isinstance(stage, dict) else None
    if not isinstance(found, list):
        raise UnreadableError("its outputs are not a list")
    return found


def md5s(value: object, seen: set[int]) -> Iterator[tuple[str, object]]:
    """Each md5 at any depth, dependencies included: what is named is kept, whatever its use.

    An alias of YAML is the same object again, even inside itself: `seen` has those that were visited.
    """
    if isinstance(value, dict | list):
        if id(value) in seen:
            return
        seen.add(id(value))
    if isinstance(value, dict):
        for name, inner in value.items():
            if name != "md5" or isinstance(inner, dict | list):
                yield from md5s(inner, seen)
            elif MD5.fullmatch(str(inner)):
                yield str(inner), value.get("size")
            elif inner is not None:
                raise UnreadableError(f"md5 {str(inner)[:50]!r} is not 32 hexadecimal digits")
    elif isinstance(value, list):
        for inner in value:
            yield from md5s(inner, seen)


def add_folder(access: Access, md5: str, found: Needed, s3: Any) -> None:
    """Add the files of a folder, which only its object in the bucket lists."""
    content = storage.read_object(access, storage.object_key(access, md5), s3)
    if content is None:
        found.unreadable.append(f"the object of the folder {md5} is missing, so its files are not known")
        return
    try:
        for name in files_of(content):
            found.add(name)
    except (ValueError, RecursionError):
        found.unreadable.append(f"the object of the folder {md5} is not a list of files")


def files_of(content: bytes) -> list[str]:
    """The md5s in a folder's object; ValueError if it is not one."""
    entries = json.loads(content)
    if not isinstance(entries, list):
        raise ValueError  # noqa: TRY004 - as json.loads does
    names = [entry.get("md5") if isinstance(entry, dict) else None for entry in entries]
    if not all(isinstance(name, str) and MD5.fullmatch(name) for name in names):
        raise ValueError
    return [str(name) for name in names]
