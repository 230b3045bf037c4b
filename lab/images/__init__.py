"""The images of the Kubernetes engines: pulled, built from package registries, or taken from a bundle."""

from __future__ import annotations

from contextlib import suppress

from lab.config import Settings
from lab.errors import HostError
from lab.images import registry
from lab.images.base import ImageInfo, ImageSet
from lab.images.build import BuiltImages
from lab.images.bundle import BundledImages
from lab.images.pull import PulledImages
from lab.paths import Paths

__all__ = ["ImageInfo", "ImageSet", "image_set"]


def image_set(paths: Paths, settings: Settings) -> ImageSet:
    """The images from the source that the setting `images.source` names.

    Raises:
        HostError: the source is a bundle, and no suitable one was opened.
    """
    source = settings.images.source
    if source == "build":
        return BuiltImages(paths)
    if source == "pull":
        return PulledImages(paths, settings.images.registry)
    if source == "bundle":
        return BundledImages(paths)
    return chosen(paths, settings)


def chosen(paths: Paths, settings: Settings) -> ImageSet:
    """An opened bundle, existing images, the user's own registry if it answers; otherwise a build.

    Public registries are used with `pull` only: their images change, built ones do not.
    """
    with suppress(HostError):
        return BundledImages(paths)
    built = BuiltImages(paths)
    if not built.missing():
        return built
    pulled = PulledImages(paths, settings.images.registry)
    if not pulled.missing() or (settings.images.registry and registry.answers(settings.images.registry)):
        return pulled
    return built
