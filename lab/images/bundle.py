"""Images that a bundle brought: Docker has them, and a list says which they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.errors import HostError
from lab.images.base import Note, Tagged
from lab.images.catalogue import NAMES
from lab.paths import Paths

HINT = "load one (make lab-up BUNDLE=file), or use another source: IMAGES=build, IMAGES=pull"


def list_file(paths: Paths) -> Path:
    """What loading a bundle leaves here: `{"baked": true, "images": {"base": "lab/base:…", …}}`."""
    return paths.home / "bundle.json"


class BundledImages(Tagged):
    """An ImageSet (lab.images.base) that fetches nothing.

    Raises:
        HostError: no bundle was loaded.
    """

    source = "bundle"

    def __init__(self, paths: Paths) -> None:
        super().__init__()
        file = list_file(paths)
        if not file.exists():
            raise HostError("no bundle is loaded", HINT)
        told: dict[str, Any] = json.loads(file.read_text("utf-8"))
        self.baked = bool(told["baked"])
        self.known = dict(told["images"])
        self.names = tuple(self.known)

    def content(self, name: str) -> str:
        raise HostError(f"the bundle has no image {name}", "make the bundle anew: make lab-bundle")

    def ensure(self, note: Note, names: Sequence[str] = NAMES) -> None:  # noqa: ARG002 - nothing to tell
        """See that the images are still there.

        Raises:
            HostError: some were removed since.
        """
        if missing := set(self.missing()) & set(names):
            raise HostError(f"images of the bundle are gone: {', '.join(sorted(missing))}", HINT)
