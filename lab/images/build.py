"""Images from package registries alone, without a container registry. Existing images are not built again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from lab.content import content_hash
from lab.docker import docker
from lab.graph import run_graph, with_needs
from lab.images import debian
from lab.images.base import Note, Tagged
from lab.images.catalogue import AIRFLOW, BAKED, BASE, GITEA, IMAGES, NAMES, NODE, NODE_BASE, POSTGRES, Image
from lab.images.contexts import Contexts
from lab.images.databases import FILE, ensure_databases
from lab.images.dockerfile import build_dockerfile
from lab.paths import Paths
from lab.proc import held

AT_ONCE = 3
"""Builds wait for the network and the disk as often as for a processor."""
FILES = "files"
PROGRAMS = "programs"
"""Not an image, but a dependency of some: Go builds in parallel with everything that needs no program."""


class BuiltImages(Tagged):
    """An ImageSet (lab.images.base) with references that identify the content of the checkout."""

    source = "build"
    baked = True
    names = NAMES

    def __init__(self, paths: Paths) -> None:
        super().__init__()
        self.paths = paths

    @cached_property
    def contexts(self) -> Contexts:
        return Contexts(self.paths, server_architecture())

    def image(self, name: str) -> Image:
        return IMAGES[name]

    def needs(self, name: str) -> tuple[str, ...]:
        return (NODE_BASE, *BAKED) if name == NODE else self.image(name).parents

    def content(self, name: str) -> str:
        needs = [self.reference(needed).encode() for needed in self.needs(name)]
        if name == BASE:
            needs.append(debian.root(self.paths, self.contexts.architecture).encode())
        if name == NODE:
            return content_hash([Path(__file__).with_name("bake.py").read_bytes(), *needs])
        return content_hash([*self.contexts.content(self.image(name)), *needs])

    def ensure(self, note: Note, names: Sequence[str] = NAMES) -> None:
        missing = set(self.missing()) & with_needs(names, self.needs)
        if not missing:
            return
        folder = self.paths.cache / "images"
        folder.mkdir(parents=True, exist_ok=True)
        with held(folder / "lock"):
            graph = {name: set(self.needs(name)) & missing for name in self.names if name in missing}
            programs = {name: self.image(name).programs for name in graph if name != NODE}
            wanted = sorted({program for each in programs.values() for program in each})
            for name in graph:
                graph[name] |= {PROGRAMS} if programs.get(name) else set()
            if wanted:
                graph[PROGRAMS] = set()
            at_once = min(AT_ONCE, (os.cpu_count() or 1) + 1)
            run_graph(graph, lambda name: self.make_one(name, wanted, lambda text: note(f"{name}: {text}")), at_once)

    def make_one(self, name: str, programs: Sequence[str], note: Note) -> None:
        if name == PROGRAMS:
            self.contexts.go.build(programs, note)
        else:
            self.make(name, note)
            note("done")

    def make(self, name: str, note: Note) -> None:
        if name == NODE:
            from lab.images.bake import bake

            bake(self.reference(NODE_BASE), [self.reference(n) for n in BAKED], self.reference(NODE), note)
            return
        image, folder = self.image(name), self.paths.cache / "images" / name
        shutil.rmtree(folder, ignore_errors=True)
        try:
            base = self.base_of(image, note)
            note("gathering its content")
            self.contexts.stage(image, folder)
            if name == POSTGRES:
                self.add_databases(image, folder, base, note)
            note("building")
            build_dockerfile(image, folder, base, self.reference(name))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def base_of(self, image: Image, note: Note) -> str:
        """The reference for BASE; it exists."""
        if image.base:
            return self.reference(image.base)
        return debian.ensure_root(self.paths, self.contexts.architecture, note)

    def add_databases(self, image: Image, folder: Path, base: str, note: Note) -> None:
        """PostgreSQL's image includes databases that it creates itself: it is built without them first."""
        file = folder / FILES / FILE
        server = self.reference(image.name).replace(f"/{image.name}:", f"/{image.name}-empty:")
        build_dockerfile(image, folder, base, server)
        try:
            airflow, gitea = self.reference(AIRFLOW), self.reference(GITEA)
            key = self.content(image.name)
            made = ensure_databases(self.paths, key, server=server, airflow=airflow, gitea=gitea, note=note)
        finally:
            docker("image", "rm", "--no-prune", server, check=False)
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made, file)
        file.chmod(0o644)


def server_architecture() -> str:
    """The architecture of the machine that containers run on, as Go and Docker name it."""
    return docker("version", "--format", "{{.Server.Arch}}").stdout.strip()
