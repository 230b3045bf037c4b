<<<<<<< HEAD
"""The lab's container images."""
=======
"""The images of the Kubernetes engines: pulled, built from package registries, or taken from a bundle."""

from __future__ import annotations

from lab.config import Settings
from lab.images.base import ImageInfo, ImageSet
from lab.images.build import BuiltImages
from lab.paths import Paths

__all__ = ["ImageInfo", "ImageSet", "image_set"]


def image_set(paths: Paths, settings: Settings) -> ImageSet:
    """The images as `images.source` wants them."""
    return BuiltImages(paths)
>>>>>>> 02f82b7991badb2f7ecd54215a2e5e4207dee7d0
