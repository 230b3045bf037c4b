"""An image as data."""

from __future__ import annotations

from dataclasses import dataclass, field

BASE = "base"
BUILT, EXTENDED, UNCHANGED = "built", "extended", "unchanged"
"""What `images.source = "pull"` makes an image from: a public Debian; a public image, which the lab adds to; or it is a
public image. Public images are in lab/pins.toml."""
PACKAGES = "files/usr/local/lib/python3.11/dist-packages"
"""The folder in the context of an image that becomes Python's own packages."""


@dataclass(frozen=True)
class Image:
    """One image. Everything that goes into it is named here, so that its reference follows from its content."""

    name: str
    base: str = BASE
    """The image that is BASE in the Dockerfile; empty: a bare Debian."""
    needs: tuple[str, ...] = ()
    """Further images that go into it."""
    folder: str = ""
    """Below images/; the name if empty."""
    target: str = ""
    """The stage of a multi-stage Dockerfile."""
    environment: str = ""
    """The Python packages of this lock."""
    programs: tuple[str, ...] = ()
    """Go programs (lab.images.golang), and the folder of the context that they go to."""
    programs_folder: str = "bin"
    modules: dict[str, str] = field(default_factory=dict, hash=False)
    """Folders of a Go module's own source, and where they go in the context."""
    sources: dict[str, str] = field(default_factory=dict, hash=False)
    """Further files and folders of the checkout, and where they go in the context."""
    owner: str = "0:0"
    """User and group of its processes: who must be able to write its data folder."""
    baked: bool = True
    """Whether pods use it, so that it belongs in the node."""

    dockerfile: str = "Dockerfile"
    pulled: str = field(default=BUILT, repr=False)
    """BUILT, EXTENDED or UNCHANGED. The reference depends on the other fields, and not on this one."""

    @property
    def place(self) -> str:
        """The folder of its Dockerfile, relative to the checkout."""
        return f"images/{self.folder or self.name}"

    @property
    def parents(self) -> tuple[str, ...]:
        return (*((self.base,) if self.base else ()), *self.needs)
