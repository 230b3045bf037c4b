"""What an image is built from: its content as bytes for the reference, and as a folder for the builder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.content import tree
from lab.images import packages
from lab.images.catalogue import POSTGRES, Image
from lab.images.golang import Go
from lab.paths import Paths
from lab.pins import lock_file

OWN_FILE = Path(__file__)
LOCKS = "requirements.lock"


@dataclass(frozen=True)
class Contexts:
    """Of one checkout, for one architecture (as Go and Docker name it)."""

    paths: Paths
    architecture: str

    @property
    def go(self) -> Go:
        return Go(self.paths, "linux", self.architecture)

    def content(self, image: Image) -> Iterator[bytes]:
        """Everything that goes into the image itself; the caller adds its parents."""
        yield from (repr(image).encode(), self.architecture.encode(), OWN_FILE.read_bytes())
        yield from tree(self.paths.source / image.place, without=[LOCKS])
        for source, target in image.sources.items():
            yield target.encode()
            yield from tree(self.paths.source / source)
        for program in image.programs:
            yield self.go.content(program).encode()
        if image.environment:
            yield (self.paths.source / lock_file(image.environment)).read_bytes()
            yield OWN_FILE.with_name("packages.py").read_bytes()
        if image.name == POSTGRES:
            yield OWN_FILE.with_name("databases.py").read_bytes()

    def stage(self, image: Image, folder: Path) -> None:
        """Fill the empty `folder`; the image's programs have been built.

        Raises:
            NetworkError: packages or modules could not be fetched.
            HostError: the disk is full.
        """
        shutil.copytree(
            self.paths.source / image.place,
            folder,
            symlinks=True,
            ignore=shutil.ignore_patterns(LOCKS),
            dirs_exist_ok=True,
        )
        for source, target in image.sources.items():
            copy(self.paths.source / source, folder / target)
        if image.environment:
            packages.install(self.paths, image.environment, folder / "packages", self.architecture)
        for program in image.programs:
            copy(self.go.file(program), folder / image.programs_folder / program)
            (folder / image.programs_folder / program).chmod(0o755)
        for source, target in image.modules.items():
            copy(self.go.source(source), folder / target)
        open_up(folder)


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copyfile(source, target)


def open_up(folder: Path) -> None:
    """Modes as an image needs them, whatever this person's umask and Go's read-only module cache say."""
    for place, folders, files in os.walk(folder):
        for name in folders:
            path = Path(place, name)
            if not path.is_symlink():
                path.chmod(0o755)
        for name in files:
            path = Path(place, name)
            mode = path.lstat().st_mode
            wanted = 0o755 if mode & 0o100 else 0o644
            if not path.is_symlink() and mode & 0o777 != wanted:
                path.chmod(wanted)
