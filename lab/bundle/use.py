"""Brings a lab up from a bundle: opens it, and puts its chart and tools where the engines look for them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from lab.bundle_file.opened import CHART, PROGRAMS, open_bundle, opened
from lab.chart import cached_chart
from lab.config import Layer, Settings
from lab.errors import SettingsError
from lab.images.programs import TOOLS, place
from lab.paths import Paths

Note = Callable[[str], None]


def use(file: Path, paths: Paths, settings: Settings, note: Note) -> Layer:
    """Open the bundle; return the settings that follow from it.

    Raises:
        SettingsError: other settings require what this bundle does not hold.
        HostError: no such file, no bundle, one that does not fit, or too little disk.
        CheckFailedError: it is damaged, and what of it is named; or it is not signed by an allowed signer.
    """
    from lab.images.bundle import require_cluster_fit

    require_no_other_source(settings)
    named = settings.bundle.allowed_signers
    signers = paths.source / Path(named).expanduser() if named else None
    bundle = open_bundle(file, paths.source, paths.home, note, signers)
    if bundle.manifest["images"] is None:
        if settings.engine not in {"auto", "local"}:
            hint = "ENGINE=local, or a bundle with images: make lab-bundle, where there is a network"
            raise SettingsError(f"the bundle {file.name} has no images, which engine {settings.engine} needs", hint)
        return {"engine": "local"}
    if settings.engine != "local":
        require_cluster_fit(bundle, paths)
        put_in_place(paths)
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


def put_in_place(paths: Paths) -> None:
    """The chart and the tools, if they are missing; by the lab's own names, whatever the bundle says."""
    found = opened(paths.home)
    folder = found[0] if found else paths.home
    put(folder / CHART, cached_chart())
    for target in (place(paths, name) for name in TOOLS):
        put(folder / PROGRAMS / target.name, target)


def put(source: Path, target: Path) -> None:
    """As a hard link on the same disk, or a copy."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        partial.hardlink_to(source)
    except OSError:
        shutil.copy(source, partial)
    partial.replace(target)
