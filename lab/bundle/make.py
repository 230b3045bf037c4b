"""Makes a bundle: its contents are gathered, then written to one file."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.bundle import packages
from lab.bundle.sbom import write_sbom
from lab.bundle_file import archive
from lab.bundle_file.fit import made_from, pythons, this_platform
from lab.bundle_file.opened import CHART, IMAGES, PACKAGES, PROGRAMS
from lab.chart import find_chart
from lab.config import Settings
from lab.errors import HostError, ProgramError
from lab.images import ImageSet, image_set
from lab.images.archive import save
from lab.images.build import server_architecture
from lab.images.catalogue import BASE, IN_CLUSTER, NODE
from lab.images.debian import installed
from lab.images.programs import TOOLS, place
from lab.paths import Paths
from lab.pins import pins
from lab.proc import run
from lab.tools import ensure_tools

Note = Callable[[str], None]
MIB = 1 << 20


@dataclass
class Contents:
    """The contents of a bundle: files by their names in it, and facts about them for its manifest."""

    files: dict[str, Path] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


def make_bundle(paths: Paths, settings: Settings, target: Path, note: Note, *, images: bool) -> int:
    """Write a bundle of this checkout to `target`, and next to it its bill of materials; return its size.

    Without `images` it is for the local engine.

    Raises:
        NetworkError: something is not on this machine and could not be fetched.
        HostError: the disk has no room for it, or the machine lacks what images are built with.
    """
    work = paths.cache / "bundle"
    shutil.rmtree(work, ignore_errors=True)
    for folder in (target.parent, paths.home):
        require_disk(folder, images=images)
    partial = target.with_name(f".{target.name}.part")
    try:
        contents = gather(paths, settings, work, note, images=images)
        note("writing the file")
        with partial.open("wb") as stream:
            archive.write(stream, contents.facts, contents.files)
        partial.replace(target)
        write_sbom(archive.read(target), paths.source)
    finally:
        partial.unlink(missing_ok=True)
        shutil.rmtree(work, ignore_errors=True)
    return target.stat().st_size


def gather(paths: Paths, settings: Settings, work: Path, note: Note, *, images: bool) -> Contents:
    contents = Contents()
    contents.facts = {
        "made_of": version(paths),
        "made_from": made_from(paths.source),
        "platform": this_platform(),
        "pythons": pythons(),
        "images": None,
    }
    packages.fetch(paths, work / PACKAGES, note)
    contents.files |= {f"{PACKAGES}/{file.name}": file for file in sorted((work / PACKAGES).iterdir())}
    if images:
        add_chart_and_tools(contents, paths, settings, note)
        add_images(contents, image_set(paths, settings), work, note)
    return contents


def add_chart_and_tools(contents: Contents, paths: Paths, settings: Settings, note: Note) -> None:
    note("chart and tools")
    contents.files[CHART] = find_chart(settings)
    contents.facts["chart"] = pins()["chart"]["sha256"]
    ensure_tools(paths, note)
    contents.facts["tools"] = {name: place(paths, name).name for name in TOOLS}
    contents.files |= {f"{PROGRAMS}/{place(paths, name).name}": place(paths, name) for name in TOOLS}


def add_images(contents: Contents, chosen: ImageSet, work: Path, note: Note) -> None:
    """The last member, so that readers of the others need not read it."""
    chosen.ensure(note)
    named = (BASE, *IN_CLUSTER, NODE)
    # If the node holds the others, Docker does not need them as well.
    archived = (BASE, NODE) if chosen.baked else named
    save([chosen.reference(name) for name in archived], work / IMAGES, note)
    contents.files[IMAGES] = work / IMAGES
    contents.facts["images"] = {
        "source": chosen.source,
        "architecture": server_architecture(),
        "baked": chosen.baked,
        "references": {name: chosen.reference(name) for name in named},
        "archived": list(archived),
        "debian": sorted(set().union(*(installed(chosen.reference(name)) for name in named))),
    }


def require_disk(folder: Path, *, images: bool) -> None:
    """Refuse what the disk has no room for, before the minutes that it takes."""
    if not folder.is_dir():
        raise HostError(f"there is no folder {folder}", "make lab-bundle OUTPUT=file, in a folder that is there")
    needed: int = pins()["host"]["bundle-disk" if images else "small-bundle-disk"]
    free = shutil.disk_usage(folder).free // MIB
    if free < needed:
        message = f"a bundle needs {needed:,} MiB of disk while it is made, {free:,} MiB are free in {folder}"
        raise HostError(message, "free some space, or name another place: make lab-bundle OUTPUT=file")


def default_name(paths: Paths) -> str:
    return f"mlops-lab-{version(paths)}-{this_platform()}.tar"


def version(paths: Paths) -> str:
    """The tag or commit that is checked out, marked if files were changed since; without Git the lab's version."""
    try:
        described = run(["git", "describe", "--tags", "--always", "--dirty=-changed"], cwd=paths.source, limit=10)
    except ProgramError:
        project = tomllib.loads((paths.source / "pyproject.toml").read_text("utf-8"))["project"]
        return str(project["version"])
    return described.stdout.strip()
