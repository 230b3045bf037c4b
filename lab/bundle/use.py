"""Bringing a lab up from a bundle: it is opened, and its chart and tools are put where the engines look for them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from lab.bundle.archive import Bundle
from lab.bundle.opened import CHART, PROGRAMS, open_bundle, opened
from lab.chart import cached_chart
from lab.config import Layer, Settings
from lab.errors import SettingsError
from lab.paths import Paths

Note = Callable[[str], None]


def use(file: Path, paths: Paths, settings: Settings, note: Note) -> Layer:
    """Open the bundle; return the settings that follow from it.

    Raises:
        SettingsError: other settings ask for what this bundle does not hold.
        HostError: no such file, no bundle, one that does not fit, or too little disk.
        CheckFailedError: it is damaged; what of it is named.
    """
    from lab.images.bundle import require_cluster_fit

    require_no_other_source(settings)
    bundle = open_bundle(file, paths.source, paths.home, note)
    if bundle.manifest["images"] is None:
        if settings.engine == "kind":
            hint = "ENGINE=local, or a bundle with images: make lab-bundle, where there is a network"
            raise SettingsError(f"the bundle {file.name} has no images, which engine kind needs", hint)
        return {"engine": "local"}
    if settings.engine != "local":
        require_cluster_fit(bundle, paths)
        put_in_place(bundle, paths)
    return {}


def require_no_other_source(settings: Settings) -> None:
    """Refuse to take images from a bundle and from elsewhere.

    Raises:
        SettingsError: images.source says elsewhere.
    """
    source = settings.images.source
    if source not in {"auto", "bundle"}:
        message = f"images are to come from a bundle, and images.source is {source!r}"
        raise SettingsError(message, "leave out IMAGES (LAB_IMAGES__SOURCE), or leave out BUNDLE")


def put_in_place(bundle: Bundle, paths: Paths) -> None:
    """The chart and the tools, where they are not there already."""
    found = opened(paths.home)
    folder = found[0] if found else paths.home
    put(folder / CHART, cached_chart())
    for name in bundle.manifest["tools"].values():
        put(folder / PROGRAMS / name, paths.tools / name)


def put(source: Path, target: Path) -> None:
    """As the same file where the disk is the same, or a copy."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        partial.hardlink_to(source)
    except OSError:
        shutil.copy(source, partial)
    partial.replace(target)
