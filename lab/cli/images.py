"""`lab images`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command(
        help="List the images of the Kubernetes engine, each with its source and size; get those that are missing.",
        epilog="Example: lab images --ensure",
    )(images)


def images(
    ensure: Annotated[bool, typer.Option("--ensure", help="Pull or build what is missing.")] = False,
    source: Annotated[str | None, typer.Option("--source", help="auto, pull, build or bundle.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    from lab import ui
    from lab.cli import context
    from lab.docker import require_engine
    from lab.images import image_set
    from lab.paths import Paths

    settings = context.settings({"images": {"source": source}} if source else None)
    require_engine()
    chosen = image_set(Paths.of(), settings)
    if ensure and chosen.missing():
        with context.exclusive("images"), ui.step("Getting the images", 3600) as shown:
            chosen.ensure(lambda text: shown.note("", text))
    found = chosen.table()
    if as_json:
        ui.data([asdict(image) for image in found])
        return
    rows = [[i.name, i.reference, i.source, short(i.id) or "missing", mebibytes(i.size)] for i in found]
    ui.table(rows, ["image", "reference", "source", "id", "size"])


def short(image_id: str) -> str:
    """The first digits of `sha256:…`, as Docker's own lists show them."""
    return image_id.removeprefix("sha256:")[:12]


def mebibytes(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB" if size else ""
