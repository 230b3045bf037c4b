"""What the engines know of images, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from lab.images.catalogue import NAMES

Note = Callable[[str], None]


@dataclass(frozen=True)
class ImageInfo:
    """One image as it is at hand; `id` is Docker's, empty while it is missing."""

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
            HostError: the disk is full, or the machine lacks a program.
            ProgramError: an image could not be built.
        """
        ...

    def table(self) -> list[ImageInfo]: ...
