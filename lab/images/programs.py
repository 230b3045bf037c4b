"""kind, helm and kubectl for this machine: their names, what builds them, and where each stands in `.lab/tools/`."""

from __future__ import annotations

import platform
from pathlib import Path

from lab.images.golang import Go
from lab.paths import Paths

TOOLS = ("kind", "helm", "kubectl")
ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}
"""Names of processors in Python that differ from Go's."""


def place(paths: Paths, name: str) -> Path:
    """The file of the program; its name changes with everything that the program is built from."""
    return paths.tools / f"{name}-{builder(paths).content(name)}"


def builder(paths: Paths) -> Go:
    """Builds for this machine."""
    machine = platform.machine()
    return Go(paths, platform.system().lower(), ARCHITECTURES.get(machine, machine))
