"""The engines' interface to images, whatever their source."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from lab.docker import docker
from lab.images.catalogue import NAMES

Note = Callable[[str], None]


@dataclass(frozen=True)
class ImageInfo:
    """One image as Docker has it; `id` is Docker's, empty if it is missing."""

    name: str
    reference: str
    source: str
    id: str = ""
    size: int = 0
    """Bytes, layers that it shares with others included."""


class ImageSet(Protocol):
    """All images of a lab from one source."""

    source: str
    """build, pull or bundle."""
    baked: bool
    """Whether the node holds the others; else the engine loads them into the cluster."""

    def reference(self, name: str) -> str:
        """The image's name for Docker and Kubernetes."""
        ...

    def missing(self) -> list[str]:
        """The names of the images that Docker does not have."""
        ...

    def ensure(self, note: Note, names: Sequence[str] = NAMES) -> None:
        """Get those of `names` that are missing, and what they are made from; nothing if nothing is.

        Raises:
            NetworkError: something could not be fetched.
            HostError: the disk is full, or the machine lacks a program or a bundle.
            ProgramError: an image could not be built.
        """
        ...

    def table(self) -> list[ImageInfo]: ...


class Tagged(ABC):
    """The part of an ImageSet that is the same for all: each image is `lab/<name>:<content>`."""

    source: str
    names: tuple[str, ...]

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    @abstractmethod
    def content(self, name: str) -> str:
        """An identifier of the content of this image."""

    def reference(self, name: str) -> str:
        if name not in self.known:
            self.known[name] = f"lab/{name}:{self.content(name)}"
        return self.known[name]

    def missing(self) -> list[str]:
        there = set(docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").stdout.split())
        return [name for name in self.names if self.reference(name) not in there]

    def table(self) -> list[ImageInfo]:
        references = {self.reference(name): name for name in self.names}
        # The status is not 0 if one is missing; the existing ones are listed anyway.
        found = json.loads(docker("image", "inspect", *references, check=False).stdout or "[]")
        facts = {tag: image for image in found for tag in image["RepoTags"] if tag in references}
        return [
            ImageInfo(name, reference, self.source, str(facts[reference]["Id"]), int(facts[reference]["Size"]))
            if reference in facts
            else ImageInfo(name, reference, self.source)
            for reference, name in references.items()
        ]
