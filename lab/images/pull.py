"""Public images, pulled; with the lab's own start scripts and hooks on top, so that they behave as those it builds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lab.content import content_hash
from lab.docker import docker
from lab.images import registry
from lab.images.base import Note
from lab.images.build import BuiltImages
from lab.images.catalogue import BASE, IMAGES, IN_CLUSTER, NODE, NODE_BASE, Image
from lab.paths import Paths
from lab.pins import pins

BUILT = (BASE, "worker", "pod-identity")
"""The lab's own: there are no public images of them, but a public Debian to begin with."""
AS_THEY_ARE = ("airflow", "gitsync", NODE)


class PulledImages(BuiltImages):
    """An ImageSet (lab.images.base) for machines that reach a container registry; the node holds no other image."""

    source = "pull"
    baked = False
    names = (BASE, *IN_CLUSTER, NODE)

    def __init__(self, paths: Paths, mirror: str) -> None:
        super().__init__(paths)
        self.mirror = mirror

    def public(self, name: str) -> str:
        """What this image is, or begins with, as the public registries know it."""
        return str(pins()["images"]["debian" if name == BASE else name])

    def image(self, name: str) -> Image:
        if name in BUILT:
            return IMAGES[name]
        # What the lab puts on top lies in files/ for both ways; packages and programs are the public image's own.
        return replace(
            IMAGES[name], base="", environment="", programs=(), modules={}, dockerfile="pull.Dockerfile"
        )  # fmt: skip

    def needs(self, name: str) -> tuple[str, ...]:
        return () if name in AS_THEY_ARE else self.image(name).parents

    def content(self, name: str) -> str:
        if name in AS_THEY_ARE:
            return content_hash([self.public(name).encode(), self.contexts.architecture.encode()])
        beginning = self.public(name) if not self.image(name).base else ""
        return content_hash([beginning.encode(), super().content(name).encode()])

    def ensure(self, note: Note, names: Sequence[str] | None = None) -> None:
        super().ensure(note, [name for name in names or self.names if name != NODE_BASE])

    def make(self, name: str, note: Note) -> None:
        if name in AS_THEY_ARE:
            docker("tag", self.pulled(name, note), self.reference(name))
        else:
            super().make(name, note)

    def base_of(self, image: Image, note: Note) -> str:
        return self.reference(image.base) if image.base else self.pulled(image.name, note)

    def pulled(self, name: str, note: Note) -> str:
        """The public image, at hand."""
        reference = registry.mirrored(self.public(name), self.mirror)
        note(f"pulling {reference.partition('@')[0]}")
        registry.pull(self.paths, reference, self.contexts.architecture)
        return reference
