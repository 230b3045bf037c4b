"""Public images, pulled; with the lab's own start scripts and hooks on top, so that they behave like built ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from lab.content import content_hash
from lab.docker import docker
from lab.graph import with_needs
from lab.images.base import Note
from lab.images.build import BuiltImages
from lab.images.catalogue import BASE, IMAGES, IN_CLUSTER, NODE, NODE_BASE, Image
from lab.images.digests import Digests
from lab.paths import Paths
from lab.pins import pins
from lab.services.image import BUILT, UNCHANGED

AS_THEY_ARE = (*(image.name for image in IMAGES.values() if image.pulled == UNCHANGED), NODE)


class PulledImages(BuiltImages):
    """An ImageSet (lab.images.base) for machines that reach a container registry; the node holds no other image."""

    source = "pull"
    baked = False
    names = (BASE, *IN_CLUSTER, NODE)

    def __init__(self, paths: Paths, mirror: str) -> None:
        super().__init__(paths)
        self.mirror = mirror

    @cached_property
    def digests(self) -> Digests:
        return Digests(self.paths, self.contexts.architecture, self.mirror)

    def public(self, name: str) -> str:
        """The public reference of this image or of its base; empty if its base is another image of the lab."""
        if name not in AS_THEY_ARE and self.image(name).base:
            return ""
        return str(pins()["images"]["debian" if name == BASE else name])

    def image(self, name: str) -> Image:
        if IMAGES[name].pulled == BUILT:
            return IMAGES[name]
        # The lab's additions are in files/ for both sources; packages and programs are those of the public image.
        return replace(
            IMAGES[name], base="", environment="", programs=(), modules={}, dockerfile="pull.Dockerfile"
        )  # fmt: skip

    def needs(self, name: str) -> tuple[str, ...]:
        return () if name in AS_THEY_ARE else self.image(name).parents

    def content(self, name: str) -> str:
        if name in AS_THEY_ARE:
            return content_hash([self.beginning(name).encode(), self.contexts.architecture.encode()])
        return content_hash([self.beginning(name).encode(), super().content(name).encode()])

    def beginning(self, name: str) -> str:
        """The public image by its digest, if known, so that another image gives another reference."""
        return self.digests.pinned(self.public(name)) if self.public(name) else ""

    def ensure(self, note: Note, names: Sequence[str] | None = None) -> None:
        wanted = [name for name in names or self.names if name != NODE_BASE]
        missing = set(self.missing()) & with_needs(wanted, self.needs)
        for public in {self.public(name) for name in missing} - {""}:  # first, as references depend on the digests
            self.digests.pull(public, note)
        self.known.clear()
        super().ensure(note, wanted)

    def relock(self, note: Note) -> dict[str, tuple[str, str]]:
        """Record the digests of what the registry has now; return those that changed, before and after.

        Raises:
            LabError: as `ensure`; then nothing is recorded.
        """
        public = {self.public(name) for name in self.names if name != NODE_BASE} - {""}
        found = {each: self.digests.current(each, note) for each in sorted(public) if "@" not in each}
        before = {each: self.digests.pinned(each).partition("@")[2] for each in found}
        self.digests.record(found)
        self.known.clear()
        return {each: (before[each], digest) for each, digest in found.items() if before[each] != digest}

    def make(self, name: str, note: Note) -> None:
        if name in AS_THEY_ARE:
            docker("tag", self.pulled(name, note), self.reference(name))
        else:
            super().make(name, note)

    def base_of(self, image: Image, note: Note) -> str:
        return self.reference(image.base) if image.base else self.pulled(image.name, note)

    def pulled(self, name: str, note: Note) -> str:
        """The public image, pulled."""
        return self.digests.pull(self.public(name), note)
