"""kind, helm and kubectl: the lab's own, in `.lab/tools/`, at the versions of images/kubernetes/go.mod."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from pathlib import Path

from lab.errors import NotRunningError
from lab.paths import Paths

TOOLS = ("kind", "helm", "kubectl")
ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}
"""Names of processors as Python tells them, where Go's differ."""


def tool(paths: Paths, name: str) -> Path:
    """The program.

    Raises:
        NotRunningError: it is not there yet.
    """
    file = place(paths, name)
    if not file.exists():
        raise NotRunningError(f"{name} is not there yet", "make lab-up ENGINE=kind, or make lab-install ENGINE=kind")
    return file


def missing_tools(paths: Paths) -> list[str]:
    return [name for name in TOOLS if not place(paths, name).exists()]


def ensure_tools(paths: Paths, note: Callable[[str], None]) -> None:
    """Build those that are missing, with the lab's own Go and the checksums of go.sum.

    Raises:
        LabError: as lab.images.golang.Go.build.
    """
    missing = missing_tools(paths)
    if not missing:
        return
    go = builder(paths)
    go.build(missing, note)
    for name in missing:
        file = place(paths, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{file.name}.{os.getpid()}")
        shutil.copy2(go.file(name), partial)
        partial.replace(file)


def place(paths: Paths, name: str) -> Path:
    return paths.home / "tools" / f"{name}-{builder(paths).content(name)}"


def builder(paths: Paths):  # type: ignore[no-untyped-def]
    from lab.images.golang import Go

    machine = platform.machine()
    return Go(paths, platform.system().lower(), ARCHITECTURES.get(machine, machine))
