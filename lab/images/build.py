"""Images from package registries alone: no container registry is asked. What is there already is not built again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path

from lab.docker import docker, inspect
from lab.images import debian
from lab.images.base import ImageInfo, Note
from lab.images.catalogue import AIRFLOW, BAKED, BASE, IMAGES, NAMES, NODE, NODE_BASE, POSTGRES, Image
from lab.images.content import content_hash
from lab.images.contexts import Contexts
from lab.images.dockerfile import build_dockerfile
from lab.images.schema import FILE, ensure_schema
from lab.paths import Paths
from lab.proc import held

ROOT = "debian"


@dataclass
class BuiltImages:
    """An ImageSet (lab.images.base) whose references tell the content of the checkout."""

    paths: Paths
    source: str = "build"
    baked: bool = True
    known: dict[str, str] = field(default_factory=dict)

    @cached_property
    def contexts(self) -> Contexts:
        return Contexts(self.paths, server_architecture())

    def reference(self, name: str) -> str:
        if name not in self.known:
            self.known[name] = f"lab/{name}:{self.content(name)}"
        return self.known[name]

    def content(self, name: str) -> str:
        if name == NODE:
            recipe = Path(__file__).with_name("bake.py").read_bytes()
            return content_hash([recipe, *(self.reference(n).encode() for n in (NODE_BASE, *BAKED))])
        image = IMAGES[name]
        parents = (self.reference(parent).encode() for parent in image.parents)
        return content_hash([*self.contexts.content(image), *parents])

    def missing(self) -> list[str]:
        return [name for name in NAMES if not inspect("image", self.reference(name))]

    def ensure(self, note: Note, names: Sequence[str] = NAMES) -> None:
        missing = set(self.missing()) & with_parents(names)
        if not missing:
            return
        folder = self.paths.cache / "images"
        folder.mkdir(parents=True, exist_ok=True)
        with held(folder / "lock"):
            graph = {name: set(parents(name)) & missing for name in NAMES if name in missing}
            run_graph(graph, lambda name: self.make(name, lambda text: note(f"{name}: {text}")))

    def make(self, name: str, note: Note) -> None:
        if name == NODE:
            from lab.images.bake import bake

            bake(self.reference(NODE_BASE), [self.reference(n) for n in BAKED], self.reference(NODE), note)
            return
        image = IMAGES[name]
        self.contexts.go.build(image.programs, note)
        folder = self.paths.cache / "images" / name
        shutil.rmtree(folder, ignore_errors=True)
        try:
            note("gathering its content")
            self.contexts.stage(image, folder)
            if name == POSTGRES:
                self.add_schema(image, folder, note)
            note("building")
            self.build(image, folder, self.reference(name))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        note("done")

    def add_schema(self, image: Image, folder: Path, note: Note) -> None:
        """Airflow's database goes into PostgreSQL's image, and is made with it: so that is built without it first."""
        (folder / FILES / FILE).parent.mkdir(parents=True, exist_ok=True)
        server = self.reference(image.name).replace(f"/{image.name}:", f"/{image.name}-empty:")
        self.build(image, folder, server)
        airflow = self.reference(AIRFLOW)
        dump = ensure_schema(self.paths, self.content(image.name), server=server, airflow=airflow, note=note)
        shutil.copyfile(dump, folder / FILES / FILE)
        (folder / FILES / FILE).chmod(0o644)
        docker("image", "rm", "--no-prune", server, check=False)

    def build(self, image: Image, folder: Path, reference: str) -> None:
        if image.base:
            base = self.reference(image.base)
        else:
            base = f"lab/{ROOT}:{self.content(BASE)}"
            debian.ensure_root(self.paths, base, self.contexts.architecture, lambda _: None)
        build_dockerfile(image, folder, base, reference)

    def table(self) -> list[ImageInfo]:
        return [image_info(name, self.reference(name), self.source) for name in NAMES]


FILES = "files"


def parents(name: str) -> tuple[str, ...]:
    return (NODE_BASE, *BAKED) if name == NODE else IMAGES[name].parents


def with_parents(names: Iterable[str]) -> set[str]:
    """These images and all that they are made from."""
    wanted = set(names)
    for name in names:
        wanted |= with_parents(parents(name))
    return wanted


def run_graph(graph: dict[str, set[str]], make: Callable[[str], None]) -> None:
    """Call `make` for each name once what it needs is made, two at a time where there are two processors.

    Raises:
        LabError: of the first that failed; no further one is begun, those under way are waited for.
    """
    order = TopologicalSorter(graph)
    order.prepare()
    running: dict[Future[None], str] = {}
    failure: BaseException | None = None
    with ThreadPoolExecutor(max_workers=min(3, os.cpu_count() or 1)) as pool:
        while order.is_active() and (failure is None or running):
            if failure is None:
                running |= {pool.submit(make, name): name for name in order.get_ready()}
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                order.done(running.pop(future))
                failure = failure or future.exception()
    if failure is not None:
        raise failure


def image_info(name: str, reference: str, source: str) -> ImageInfo:
    found = inspect("image", reference)
    if found is None:
        return ImageInfo(name, reference, source)
    return ImageInfo(name, reference, source, str(found["Id"]), int(found["Size"]))


def server_architecture() -> str:
    """Of the machine that containers run on, as Go and Docker name it."""
    return docker("version", "--format", "{{.Server.Arch}}").stdout.strip()
