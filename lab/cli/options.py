"""Options that several commands have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer


def dataset_path(value: str | None) -> str | None:
    """Refuse what the pipeline would refuse as the path of a dataset, before a run is started."""
    from lab.pipeline.run import PATTERNS

    if value is None or (re.fullmatch(PATTERNS["PIPELINE_DATASET"], value) and ".." not in value.split("/")):
        return value
    raise typer.BadParameter(f"{value!r} is not the path of a .csv file inside the repository")


def file_to_write(value: Path | None) -> Path | None:
    """Refuse a file in a folder that does not exist: it is more often misspelt than meant."""
    folder = value.expanduser().absolute().parent if value else None
    if folder is None or folder.is_dir():
        return value
    raise typer.BadParameter(f"there is no folder {folder}")


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Branch = Annotated[str, typer.Option(help="Versions of this branch of the lab's repository.")]
Dataset = Annotated[
    str | None, typer.Option(callback=dataset_path, help="Another dataset under DVC in the repository: a .csv file.")
]
