"""`lab images`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lab.images.base import ImageSet


def register(app: typer.Typer) -> None:
    app.command(
        help="List the images of the Kubernetes engine, each with its source and size; get those that are missing.",
        epilog="Example: lab images --ensure",
    )(images)


def images(
    ensure: Annotated[bool, typer.Option("--ensure", help="Pull or build what is missing.")] = False,
    relock: Annotated[
        bool, typer.Option("--relock", help="Record the digests of what the registry has now, and get these images.")
    ] = False,
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
    if relock:
        record_again(chosen)
    if (ensure or relock) and chosen.missing():
        with context.exclusive("images"), ui.step("Getting the images", 3600) as shown:
            chosen.ensure(lambda text: shown.note("", text))
    found = chosen.table()
    if as_json:
        ui.data([asdict(image) for image in found])
        return
    rows = [[i.name, i.reference, i.source, short(i.id) or "missing", mebibytes(i.size)] for i in found]
    ui.table(rows, ["image", "reference", "source", "id", "size"])


def record_again(images: ImageSet) -> None:
    """Relock the digests of pulled images, and say which changed.

    Raises:
        SettingsError: these images are not pulled.
    """
    from lab import ui
    from lab.cli import context
    from lab.errors import SettingsError
    from lab.images.digests import LOCK
    from lab.images.pull import PulledImages

    if not isinstance(images, PulledImages):
        raise SettingsError(
            f"only pulled images have digests to record, and these are from: {images.source}",
            "IMAGES=pull chooses the public registries, or LAB_IMAGES__REGISTRY your own",
        )
    with context.exclusive("images"), ui.step("Recording digests", 3600) as shown:
        changed = images.relock(lambda text: shown.note("", text))
    for name, (before, after) in changed.items():
        ui.messages.print(f"{name}: {before or 'not recorded'} → {after}", markup=False)
    if not changed:
        ui.messages.print(f"{LOCK} has the digests that the registry has.", markup=False)


def short(image_id: str) -> str:
    """The first digits of `sha256:…`, as Docker's own lists show them."""
    return image_id.removeprefix("sha256:")[:12]


def mebibytes(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB" if size else ""
