"""The lab's objects in a cluster: applied by kustomize, and checked to be current."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lab.engine.kubernetes import manifests, overlay
from lab.engine.kubernetes.cluster import SYSTEM, Cluster
from lab.engine.kubernetes.instance import ClusterInstance
from lab.errors import ProgramError

LIMIT = 120
SERVER_SIDE = ("--server-side", "--force-conflicts")
CHANGED = re.compile(r"^diff .*/(?:[a-z0-9.-]+\.)?v\d\w*\.(?P<kind>[A-Z]\w*)\.[a-z0-9-]*\.(?P<name>\S+)$", re.MULTILINE)
"""The line of `kubectl diff` that names an object."""


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write rendered files, and return the folder, for kubectl's `--kustomize`."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def apply_files(cluster: Cluster, folder: Path, files: Mapping[str, str]) -> None:
    """Write a kustomization into `folder` and apply it, without waiting for what it starts.

    Raises:
        ProgramError: the cluster refused an object; kubectl's last lines are the detail.
    """
    cluster.kubectl("apply", *SERVER_SIDE, "--kustomize", str(write(folder, files)), limit=LIMIT)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder outside the lab's for files that only a check needs; it is removed after the block."""
    with tempfile.TemporaryDirectory(prefix="lab-") as name:
        yield Path(name).resolve()  # kustomize compares paths without their symbolic links


def differences(cluster: Cluster, folder: Path, files: Mapping[str, str]) -> list[str]:
    """The objects of a kustomization that the cluster does not have as they are in `files`, written into `folder`.

    The API server compares (`kubectl diff`), so that its defaults are no differences.
    """
    found = cluster.kubectl("diff", *SERVER_SIDE, "--kustomize", str(write(folder, files)), check=False)
    if found.status > 1:
        raise ProgramError("kubectl diff failed", "docs/eks.md", found.stderr[-2000:])
    if found.status == 0:
        return []
    return [f"{match['kind']} {match['name']}" for match in CHANGED.finditer(found.stdout)] or ["objects differ"]


def apply(instance: ClusterInstance) -> None:
    """Apply namespaces, Secrets and the objects of the overlay `local`, without waiting for what they start.

    Raises:
        ProgramError: the cluster refused one; kubectl's last lines are the detail.
    """
    secrets = manifests.secret_objects(instance.access(), *instance.worker)
    volumes = "".join(f"---\n{json.dumps(each)}\n" for each in overlay.volumes())
    first = ("--field-manager=lab-secrets", "--filename=-")
    instance.kube.kubectl("apply", *SERVER_SIDE, *first, text=f"{secrets}\n{volumes}", limit=LIMIT)
    apply_files(instance.kube, instance.run_files, rendered(instance))
    stamp(instance).write_text(wanted(instance), "utf-8")


def are_applied(instance: ClusterInstance) -> bool:
    """Whether this cluster has them as they would be applied now: only the lab changes them."""
    if not stamp(instance).exists() or stamp(instance).read_text("utf-8") != wanted(instance):
        return False
    wanted_workloads: dict[str, set[str]] = {}
    for place in overlay.places(instance.settings).values():
        if place.service.manifest and place.namespace != SYSTEM:  # what is there has its own phase
            wanted_workloads.setdefault(place.namespace, set()).add(place.workload)
    return all(workloads(instance.kube, namespace) >= names for namespace, names in wanted_workloads.items())


def workloads(cluster: Cluster, namespace: str) -> set[str]:
    """The deployments and stateful sets of a namespace, as `kind.group/name`."""
    kinds = ("get", "deployments,statefulsets", "--namespace", namespace, "--output", "name")
    return set(cluster.kubectl(*kinds, check=False).stdout.split())


def rendered(instance: ClusterInstance) -> dict[str, str]:
    return manifests.rendered(instance.access(), instance.references(), instance.run_files)


def stamp(instance: ClusterInstance) -> Path:
    return instance.run_files / "objects"


def wanted(instance: ClusterInstance) -> str:
    """A digest of everything that would be applied, and of the cluster."""
    k8s = instance.paths.source / "k8s"
    files = [*sorted((k8s / "base").glob("*")), *sorted((k8s / "overlays" / "local").glob("*"))]
    secrets = manifests.secret_objects(instance.access(), *instance.worker)
    shipped = (file.read_text("utf-8") for file in files)
    parts = [instance.identity(), secrets, *shipped, *rendered(instance).values()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
