"""Python packages for an image, installed on the host from a lock with hashes: no index and no certificate gets in."""

from __future__ import annotations

import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from lab.errors import NetworkError, ProgramError
from lab.images.trouble import raise_if_full
from lab.paths import Paths
from lab.pins import lock_file
from lab.uv import NETWORK_HINT, run_uv

PYTHON = "3.11"
"""Debian 12's."""
LIBRARY = f"usr/local/lib/python{PYTHON}/dist-packages"
PLATFORMS = {"amd64": "x86_64-manylinux_2_36", "arm64": "aarch64-manylinux_2_36"}
NEEDLESS = {"tests", "test"}
SHEBANG = "#!/usr/bin/python3\n"


def install(paths: Paths, name: str, root: Path, architecture: str) -> None:
    """Put the packages of the lock `name` and their programs below `root`, as the image has them below /.

    Raises:
        NetworkError: packages could not be fetched or did not have the locked hash.
        HostError: the disk is full.
    """
    library = root / LIBRARY
    library.mkdir(parents=True, exist_ok=True)
    try:
        run_uv(
            paths, "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target", library,
            "--python-version", PYTHON, "--python-platform", PLATFORMS[architecture],
            "--requirements", paths.source / lock_file(name),
        )  # fmt: skip
    except ProgramError as error:
        raise_if_full(error.detail, f"the packages of {name} are installed", root)
        message = f"the packages of the {name} image could not be installed"
        raise NetworkError(message, NETWORK_HINT, error.detail) from error
    move_programs(library / "bin", root / "usr/local/bin")
    for folder in list(needless(library)):
        shutil.rmtree(folder)


def move_programs(source: Path, target: Path) -> None:
    """Console scripts get the image's Python; programs that are none stay as they are."""
    if not source.is_dir():
        return
    target.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        content = file.read_bytes()
        goal = target / file.name
        if content.startswith(b"#!") and b"python" in content.split(b"\n", 1)[0]:
            # Written as a new file, never in place: the old one may be a hard link into uv's cache.
            goal.write_bytes(python_script(content))
        else:
            shutil.copyfile(file, goal)
        goal.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    shutil.rmtree(source)


def python_script(content: bytes) -> bytes:
    """The script without its first line, and without the second if the two are one shell trick around a long path."""
    text = content.decode("utf-8")
    if text.startswith("#!/bin/sh\n"):
        text = re.sub(r"\A#!/bin/sh\n'''exec'.*\n' '''\n", "", text)
        return (SHEBANG + text).encode()
    return (SHEBANG + text.split("\n", 1)[1]).encode()


def needless(library: Path) -> Iterator[Path]:
    """Test suites, which nothing imports outside themselves. `testing` packages are something else and stay."""
    for folder in sorted(library.rglob("*"), key=lambda path: len(path.parts)):
        if folder.is_dir() and folder.name in NEEDLESS and (folder / "__init__.py").exists():
            inside = not any(parent.name in NEEDLESS for parent in folder.relative_to(library).parents)
            if inside and folder.parent != library:
                yield folder
