"""The images of a bundle, loaded into Docker from the opened bundle."""

from __future__ import annotations

from collections.abc import Sequence

from lab.bundle_file.archive import AGAIN, Bundle
from lab.bundle_file.fit import require_equal
from lab.bundle_file.opened import opened
from lab.errors import CheckFailedError, HostError
from lab.images.archive import load
from lab.images.base import Note, Tagged
from lab.images.build import BuiltImages
from lab.images.catalogue import NAMES
from lab.images.contexts import Contexts
from lab.images.programs import TOOLS, place
from lab.images.pull import PulledImages
from lab.paths import Paths
from lab.pins import pins

HINT = "open one (make lab-up BUNDLE=file), or use another source: IMAGES=build, IMAGES=pull"


class BundledImages(Tagged):
    """An ImageSet (lab.images.base) that fetches nothing.

    Raises:
        HostError: no bundle with images was opened, or they are not those of this checkout.
    """

    source = "bundle"

    def __init__(self, paths: Paths) -> None:
        super().__init__()
        found = opened(paths.home)
        if found is None or found[1].manifest["images"] is None:
            raise HostError("no bundle with images was opened", HINT)
        self.bundle = found[1]
        require_cluster_fit(self.bundle, paths)
        listed = self.bundle.manifest["images"]
        self.baked = bool(listed["baked"])
        self.known = dict(listed["references"])
        self.names = tuple(listed["archived"])

    def content(self, name: str) -> str:
        raise HostError(f"the bundle has no image {name}", "make a new bundle: make lab-bundle")

    def ensure(self, note: Note, names: Sequence[str] = NAMES) -> None:
        """Load all of them if one of `names` is missing.

        Raises:
            CheckFailedError: the bundle has been damaged since it was opened.
            HostError: it is gone, or the disk is full.
        """
        missing = self.missing()
        if set(missing) & set(names):
            load(self.bundle, [self.reference(name) for name in missing], note)


def require_cluster_fit(bundle: Bundle, paths: Paths) -> None:
    """Refuse a bundle with other images, tools or chart than this checkout's; the local engine needs none of them.

    Raises:
        HostError: all that differs.
        CheckFailedError: it names programs that no lab has.
    """
    if strange := sorted(set(bundle.manifest["tools"]) - set(TOOLS)):
        raise CheckFailedError(f"the bundle {bundle.file.name} has unknown programs: {', '.join(strange)}", AGAIN)
    images = bundle.manifest["images"]
    ours = PulledImages(paths, "") if images["source"] == PulledImages.source else BuiltImages(paths)
    ours.contexts = Contexts(paths, images["architecture"])  # without Docker, which may not be there
    theirs = {f"image {name}": reference for name, reference in images["references"].items()}
    theirs |= {f"program {name}": file for name, file in bundle.manifest["tools"].items()}
    wanted = {f"image {name}": ours.reference(name) for name in images["references"]}
    wanted |= {f"program {name}": place(paths, name).name for name in TOOLS}
    theirs["the chart"], wanted["the chart"] = bundle.manifest["chart"], pins()["chart"]["sha256"]
    require_equal(bundle, theirs, wanted)
