"""One lab on EKS: its settings, its account, its cluster. The resources work on it."""

from __future__ import annotations

import shutil
import weakref
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from lab.engine.eks.cloud import Cloud
from lab.engine.eks.kubeconfig import Kubeconfig
from lab.engine.eks.settings import EksSettings
from lab.engine.kubernetes.cluster import Cluster
from lab.paths import Paths


@dataclass
class Place:
    """What eks.toml names."""

    settings: EksSettings
    paths: Paths
    known: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def cloud(self) -> Cloud:
        return Cloud(self.settings)

    @property
    def folder(self) -> Path:
        """The files rendered for this cluster: none is secret, and they are created again when needed."""
        return self.paths.home / "eks" / self.settings.cluster.name

    def cluster(self, *, fresh: bool = False) -> dict[str, Any] | None:
        """The cluster as EKS describes it, or None. It is requested once, and again with `fresh`."""
        if fresh or "cluster" not in self.known:
            name = self.settings.cluster.name
            answer = self.cloud.call("eks", "describe_cluster", name=name, absent=("ResourceNotFoundException",))
            self.known["cluster"] = answer["cluster"] if answer else None
        found: dict[str, Any] | None = self.known["cluster"]
        return found

    @cached_property
    def scratch(self) -> Path:
        """A folder outside the lab's for files that a check needs; it is removed when the place is no longer used."""
        folder = Path(mkdtemp(prefix="lab-eks-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    def kube(self) -> Cluster | None:
        """Kubectl and helm on the cluster; None while there is none that can answer."""
        found = self.kubeconfig()
        return found.cluster() if found else None

    def keep_kubeconfig(self) -> None:
        """Keep the lab's kubeconfig of the cluster in `folder`, where there is a cluster."""
        found = self.kubeconfig()
        if found:
            found.keep()

    def kubeconfig(self) -> Kubeconfig | None:
        found = self.cluster()
        if found is None or found["status"] in {"CREATING", "DELETING", "FAILED"}:
            return None
        return Kubeconfig(self.settings, self.paths, self.folder, lambda: self.scratch, found)
