"""kind, helm and kubectl: the lab's own, in `.lab/tools/`, at the versions of images/kubernetes/go.mod.

One with a checksum of its release in lab/pins.toml is downloaded if that is possible at once; any other is built.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from lab.errors import NotRunningError
from lab.images.programs import TOOLS, builder, place
from lab.paths import Paths


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
    """Get those that are missing: built or downloaded earlier, downloaded, or built, whichever is quickest.

    Raises:
        CheckFailedError: a download is not what its checksum says.
        LabError: as lab.images.golang.Go.build.
    """
    from lab.downloads import download

    go = builder(paths)
    missing = [name for name in missing_tools(paths) if not go.file(name).exists()]
    found = download(paths, missing, go.system, go.architecture, note)
    go.build([name for name in missing if name not in found], note)
    for name in missing_tools(paths):
        install(found.get(name, go.file(name)), place(paths, name))


def install(source: Path, target: Path) -> None:
    """Copy a program so that `target` appears only when it is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, partial)
    partial.chmod(0o755)
    partial.replace(target)


def own_homes(paths: Paths, kubeconfig: Path) -> dict[str, str]:
    """Variables that restrict kubectl and helm to the lab's own configuration and caches."""
    helm = paths.cache / "helm"
    homes = {f"HELM_{name.upper()}_HOME": str(helm / name) for name in ("cache", "config", "data")}
    return {"KUBECONFIG": str(kubeconfig), **homes}
