"""A dataset's pointer: the `.dvc` file that names the object by its md5 (DVC's "dvc.yaml and .dvc files" reference).

It comes with a branch, so it is data. It says which bytes, and how they are described; it does not say where they go,
what runs, or which remote they come from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.pipeline.errors import DatasetError
from lab.pipeline.log import printable

SUFFIX = ".dvc"
LARGEST = 65_536
"""Bytes; DVC writes about a hundred."""
USUAL = re.compile(
    r"outs:\n- md5: ('?)([0-9a-f]{32})\1\n  size: ([0-9]{1,18})\n  hash: md5\n  path: ([a-z_][\w-]*\.csv)\n"
)
"""A pointer as DVC writes it. YAML takes unquoted digits, or digits with one `e`, for a number: DVC quotes those."""
MD5 = re.compile("[0-9a-f]{32}")
DESCRIPTIONS = {"desc", "meta", "type", "labels"}
"""What people write about a dataset ("Output entries" in DVC's reference)."""
OUTPUT = {"md5", "size", "hash", "path"} | DESCRIPTIONS
DEFAULTS = {"cache": True, "push": True, "persist": False, "isexec": False}
"""Further fields of an output that change nothing while they have these values."""
HINT = "the file is made by `dvc add`; restore it from an earlier commit (git log) or add the dataset again"
MIGRATE = "`dvc cache migrate --dvc-files` and `dvc push` with DVC 3 bring pointers and objects to its form"


@dataclass(frozen=True)
class Pointer:
    """md5 in hexadecimal, size in bytes, file name beside the pointer."""

    md5: str
    size: int
    path: str


def parse(text: str, name: str) -> Pointer:
    """Read the pointer `name` of a file that stands beside it.

    Raises:
        DatasetError: it is not YAML, or anything else than a pointer of DVC 3 to the one file that it is named after;
            the message begins with `name`.
    """
    shown = printable(name)
    own = name.rpartition("/")[2].removesuffix(SUFFIX)
    pointer = usual(text) or read(text, shown)
    if pointer.path != own:
        raise DatasetError(
            f"{shown} names the file {printable(pointer.path)!r}, not the one beside it: it was moved or edited",
            f"`dvc move` moves a dataset with its pointer; or give its `path` the name {printable(own)}",
        )
    return pointer


def usual(text: str) -> Pointer | None:
    """A pointer written in DVC's own way, without the milliseconds of a YAML parser; None if it may be any other."""
    found = USUAL.fullmatch(text)
    if found is None or not (found[1] or re.search("[a-df]", found[2])):
        return None
    return Pointer(found[2], int(found[3]), found[4])


def read(text: str, name: str) -> Pointer:
    """A pointer in any form of YAML."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if len(text) > LARGEST:
        raise DatasetError(f"{name} has more than {LARGEST} characters: it is not a DVC pointer to one file", HINT)
    try:
        whole = YAML(typ="safe", pure=True).load(text)
        (output,) = whole["outs"]
        md5, size, path = output["md5"], output["size"], output["path"]
    except (YAMLError, LookupError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DatasetError(f"{name} is not a DVC pointer to one file", HINT) from error
    if not (isinstance(whole, dict) and isinstance(output, dict) and isinstance(path, str)):
        raise DatasetError(f"{name} is not a DVC pointer to one file", HINT)
    refuse_instructions(whole, output, name)
    check_object(md5, size, output, name)
    return Pointer(md5, size, path)


def refuse_instructions(whole: Mapping[Any, Any], output: Mapping[Any, Any], name: str) -> None:
    """Refuse what would have DVC do more than bring one file."""
    further = [str(field)[:50] for field in whole if field not in {"outs", "desc", "meta"}]
    for field, value in output.items():
        if field not in OUTPUT and not (field in DEFAULTS and value is DEFAULTS[field]):
            further.append(str(field)[:50])
    if further:
        raise DatasetError(
            f"{name} has {printable(', '.join(further))}, which a pointer to one file of a dataset has not", HINT
        )


def check_object(md5: object, size: object, output: Mapping[Any, Any], name: str) -> None:
    """Refuse what names no single object of DVC 3."""
    if isinstance(md5, str) and MD5.fullmatch(md5.removesuffix(".dir")) and md5.endswith(".dir"):
        raise DatasetError(f"{name} points to a folder, not to one file", "put the file under DVC: `dvc add <file>`")
    if not isinstance(md5, str) or not MD5.fullmatch(md5):
        raise DatasetError(f"{name}: md5 {str(md5)[:50]!r} is not 32 hexadecimal digits", HINT)
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise DatasetError(f"{name}: its size is not a number of bytes", HINT)
    if "hash" not in output:
        raise DatasetError(f"{name} was written by DVC 2, which keeps objects elsewhere", MIGRATE)
    if output["hash"] != "md5":
        raise DatasetError(f"{name}: its hash is not md5", HINT)


def replaced(text: str, name: str, md5: str, size: int) -> str:
    """The pointer with another md5 and size; comments, descriptions and their order stay, as with `dvc add`.

    Raises:
        DatasetError: the result would not be that pointer.
    """
    from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update

    before = parse(text, name)
    content = parse_yaml_for_update(text, name)
    content["outs"][0].update(md5=md5, size=size)
    made = str(dumps_yaml(content))
    if parse(made, name) != Pointer(md5, size, before.path):
        raise DatasetError(f"{printable(name)} cannot be rewritten", HINT)
    return made
