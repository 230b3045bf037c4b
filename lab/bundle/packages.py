"""The packages of a bundle: for each lock and each Python that the lab runs on, files that the lock's hashes name.

uv finds them in the package index in seconds; pip fetches them, because it can do so for other Pythons, too.
"""

from __future__ import annotations

import os
import platform
import sys
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any

from packaging import tags
from packaging.markers import Marker
from packaging.utils import parse_wheel_filename

from lab import services
from lab.bundle_file.fit import OWN_LOCK, pythons
from lab.environments import Environment
from lab.errors import NetworkError, ProgramError
from lab.paths import Paths
from lab.pins import PACKAGER, lock_file
from lab.proc import clean_environment, run
from lab.uv import NETWORK_HINT, run_uv

Note = Callable[[str], None]
LIMIT = 1800
OLDEST_GLIBC = 28
"""A bundle made on Linux supports machines with glibc 2.28 (2018) and newer, whatever version made it."""
BUILDS = "setuptools"
"""Builds the packages that have no wheel."""


@dataclass(frozen=True)
class File:
    """One file of a package, as the index offers it."""

    package: str
    url: str
    sha256: str

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1].partition("#")[0]

    @property
    def line(self) -> str:
        return f"{self.package} @ {self.url} --hash=sha256:{self.sha256}\n"


@dataclass(frozen=True)
class Locked:
    """One package of a lock."""

    name: str
    marker: Marker | None
    wheels: tuple[File, ...]
    source: File | None


class Target:
    """One Python on this kind of machine."""

    def __init__(self, version: str) -> None:
        self.version = version

    @cached_property
    def ranks(self) -> dict[tags.Tag, int]:
        """What this Python runs, best first."""
        major, minor = map(int, self.version.split("."))
        where, interpreter = platforms() or list(tags.platform_tags()), f"cp{major}{minor}"
        own = tags.cpython_tags((major, minor), platforms=where)
        every = chain(own, tags.compatible_tags((major, minor), interpreter, where))
        return {tag: rank for rank, tag in enumerate(every)}

    def wants(self, package: Locked) -> bool:
        # No lock requires a patch release, so any will do.
        here = {"python_version": self.version, "python_full_version": f"{self.version}.99"}
        return package.marker is None or package.marker.evaluate(here)

    def best(self, package: Locked) -> File | None:
        """The wheel that fits best, or the source if none does."""
        ranked = [(rank, wheel) for wheel in package.wheels if (rank := self.rank(wheel)) is not None]
        return min(ranked, key=lambda pair: pair[0])[1] if ranked else package.source

    def rank(self, wheel: File) -> int | None:
        return min((self.ranks[tag] for tag in parse_wheel_filename(wheel.name)[3] if tag in self.ranks), default=None)


def platforms() -> list[str]:
    """The platform tags of Linux with glibc, from the newest supported; elsewhere none: this machine's own."""
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return []
    machine = platform.machine()
    older = [f"manylinux{name}_{machine}" for name in ("2014", "2010", "1")]
    return [*(f"manylinux_2_{n}_{machine}" for n in range(OLDEST_GLIBC, 4, -1)), *older, f"linux_{machine}"]


def fetch(paths: Paths, folder: Path, note: Note) -> None:
    """Fill `folder` with the packages of all locks, for all Pythons.

    Raises:
        NetworkError: one could not be fetched or did not have the locked hash.
    """
    folder.mkdir(parents=True)
    note("asking the package index")
    packager = Environment(paths, PACKAGER)
    if not packager.is_current():
        packager.make()
    locks = all_locks(paths, folder.parent)
    seen: set[str] = set()
    for version in pythons():
        note(f"packages for Python {version}")
        target, wanted = Target(version), {}
        for name, packages in locks.items():
            wanted[name] = [file for file in chosen(target, name, packages) if file.name not in seen]
            seen |= {file.name for file in wanted[name]}
        with ThreadPoolExecutor(len(wanted)) as pool:
            list(pool.map(partial(download, packager, folder, target), wanted.keys(), wanted.values()))


def all_locks(paths: Paths, work: Path) -> dict[str, list[Locked]]:
    """Everything that a lab on an engine installs, and what builds the packages without a wheel."""
    own = work / "own-requirements.txt"
    run_uv(paths, "export", "--quiet", "--frozen", "--no-emit-project", "--group", "bootstrap", "--output-file", own)
    names = (*services.environments(), PACKAGER)
    files = {OWN_LOCK: own, **{name: paths.source / lock_file(name) for name in names}}
    with ThreadPoolExecutor(len(files)) as pool:
        found = dict(zip(files, pool.map(lambda name: locked(paths, files[name], work / name), files), strict=True))
    found[PACKAGER] = [package for package in found[PACKAGER] if package.name == BUILDS]
    return found


def locked(paths: Paths, lock: Path, work: Path) -> list[Locked]:
    """The packages of a lock, with the addresses of those files that have one of its hashes."""
    target = work.with_name(f"pylock.{work.stem}.toml")
    options = ("--quiet", "--no-deps", "--universal", "--python-version", pythons()[0], "--format", "pylock.toml")
    try:
        run_uv(paths, "pip", "compile", *options, "--output-file", target, lock)
    except ProgramError as error:
        raise NetworkError(f"the packages of {work.name} could not be found", NETWORK_HINT, error.detail) from error
    hashes = lock.read_text("utf-8")
    return [package_of(entry, hashes) for entry in tomllib.loads(target.read_text("utf-8"))["packages"]]


def package_of(package: dict[str, Any], hashes: str) -> Locked:
    def files(entries: list[dict[str, Any]]) -> Iterator[File]:
        for entry in entries:
            if f"sha256:{entry['hashes']['sha256']}" in hashes:
                yield File(package["name"], entry["url"], entry["hashes"]["sha256"])

    marker = Marker(package["marker"]) if "marker" in package else None
    source = next(files([package["sdist"]] if "sdist" in package else []), None)
    return Locked(package["name"], marker, tuple(files(package.get("wheels", []))), source)


def chosen(target: Target, name: str, packages: list[Locked]) -> Iterator[File]:
    """The file of each package that this Python needs.

    Raises:
        NetworkError: the index has none of those that the lock names.
    """
    for package in packages:
        if target.wants(package):
            file = target.best(package)
            if file is None:
                message = f"the package index has no file of {package.name} as {name} locks it, for {target.version}"
                raise NetworkError(message, NETWORK_HINT)
            yield file


def download(packager: Environment, folder: Path, target: Target, name: str, files: list[File]) -> None:
    if not files:
        return
    requirements = folder.with_name(f"{Path(name).stem}-{target.version}.txt")
    requirements.write_text("".join(file.line for file in files), "utf-8")
    options = [option for tag in platforms() for option in ("--platform", tag)]
    command: list[str | Path] = [
        packager.folder / "bin" / "python", "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
        "--no-cache-dir", "--no-build-isolation", "--disable-pip-version-check", "--python-version", target.version,
        *options, "--dest", folder, "--requirement", requirements,
    ]  # fmt: skip
    try:
        run(command, env=variables(), limit=LIMIT)
    except ProgramError as error:
        message = f"the packages of {name} for Python {target.version} could not be fetched"
        raise NetworkError(message, NETWORK_HINT, error.detail) from error


def variables() -> dict[str, str]:
    """Pip knows the index of uv's settings too."""
    index = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL")
    return clean_environment({"PIP_INDEX_URL": index} if index and not os.environ.get("PIP_INDEX_URL") else {})
