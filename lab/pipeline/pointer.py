"""A dataset's pointer: the `.dvc` file that names the object by its md5 (DVC's "dvc.yaml and .dvc files" reference)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lab.pipeline.errors import DatasetError


@dataclass(frozen=True)
class Pointer:
    """md5 in hexadecimal, size in bytes, file name beside the pointer."""

    md5: str
    size: int
    path: str


def parse(text: str, name: str) -> Pointer:
    """Read a `.dvc` file with one output.

    Raises:
        DatasetError: it is not YAML, or not a pointer to one file by md5; `name` says which file.
    """
    hint = "the file is made by `dvc add`; restore it from an earlier commit (git log) or add the dataset again"
    try:
        content = YAML(typ="safe", pure=True).load(text)
        (output,) = content["outs"]
        pointer = Pointer(md5=str(output["md5"]), size=int(output["size"]), path=str(output["path"]))
    except (YAMLError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise DatasetError(f"{name} is not a DVC pointer to one file", hint) from error
    if pointer.size < 0:
        raise DatasetError(f"{name}: size {pointer.size} is negative", hint)
    if not re.fullmatch("[0-9a-f]{32}", pointer.md5):
        raise DatasetError(f"{name}: md5 {pointer.md5!r} is not 32 hexadecimal digits", hint)
    return pointer
