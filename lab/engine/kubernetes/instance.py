"""A lab with all of its services in one cluster: what its phases need to know, whichever engine makes the cluster."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lab.docker import inspect
from lab.engine.instance import LabInstance
from lab.engine.kubernetes.cluster import Cluster
from lab.errors import NotRunningError
from lab.images import ImageSet, image_set
from lab.images.catalogue import IN_CLUSTER


@dataclass(frozen=True)
class ClusterInstance(LabInstance, ABC):
    """The lab of one checkout in a cluster, running or not."""

    @property
    @abstractmethod
    def kube(self) -> Cluster:
        """Runs kubectl and helm on the cluster."""

    @property
    @abstractmethod
    def data(self) -> Path:
        """The folder of the cluster's volumes on this machine; it is kept when the cluster is removed."""

    @property
    @abstractmethod
    def run_files(self) -> Path:
        """The folder of the files rendered for this cluster; none is secret."""

    @abstractmethod
    def identity(self) -> str:
        """Differs from one cluster to the next: another one means a new, empty cluster.

        Raises:
            ServiceError: there is no cluster.
        """

    @abstractmethod
    def is_up(self) -> bool:
        """Whether the cluster runs; its contents may be unhealthy."""

    def require_up(self) -> None:
        if not self.is_up():
            raise NotRunningError("the lab is down", "make lab-up")

    @cached_property
    def images(self) -> ImageSet:
        return image_set(self.paths, self.settings)

    @cached_property
    def worker(self) -> tuple[str, str]:
        """The worker's image, which must be present: its reference, and its id in Docker, a digest of its content."""
        reference = self.images.reference("worker")
        found = inspect("image", reference)
        return reference, str(found["Id"]) if found else ""

    def references(self) -> dict[str, str]:
        """The reference of each image that runs in the cluster, by name."""
        return {name: self.images.reference(name) for name in IN_CLUSTER}
