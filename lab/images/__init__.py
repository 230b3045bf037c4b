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
