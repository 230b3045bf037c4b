"""One lab on kind: its node, its network, its folders. The phases and the engine work on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.docker import inspect, reach
from lab.engine.kubernetes.cluster import Cluster
from lab.engine.kubernetes.instance import ClusterInstance
from lab.errors import ServiceError
from lab.proc import service_environment
from lab.tools import own_homes


@dataclass(frozen=True)
class KindInstance(ClusterInstance):
    """The lab of one checkout in its own kind cluster, running or not."""

    made_with = "kind-made-with.json"

    @property
    def cluster(self) -> str:
        return self.settings.cluster.name

    @property
    def node(self) -> str:
        """The cluster's only container, as kind names it."""
        return f"{self.cluster}-control-plane"

    @property
    def network(self) -> str:
        """This lab's own Docker network; kind's default network is shared and never removed."""
        return f"kind-{self.cluster}"

    @property
    def context(self) -> str:
        return f"kind-{self.cluster}"

    @property
    def kubeconfig(self) -> Path:
        return self.paths.home / "kubeconfig"

    @property
    def data(self) -> Path:
        """The folder of the cluster's volumes on this machine; it is kept when the cluster is removed."""
        return self.paths.data / "kind"

    @property
    def run_files(self) -> Path:
        """The files rendered for this cluster; none is secret."""
        return self.paths.run / "kind"

    def builds(self) -> bool:
        """Whether images are missing that have to be made first, which takes more disk than anything else."""
        return self.images.source != "bundle" and bool(self.images.missing())

    def container(self) -> dict[str, Any] | None:
        """The node as Docker knows it, or None. It may belong to another cluster of the same name."""
        return inspect("container", self.node)

    def is_own(self, container: dict[str, Any]) -> bool:
        """Whether the node mounts this lab's data folder, which no other cluster does."""
        sources = {mount.get("Source") for mount in container["Mounts"]}
        return str(self.data.resolve()) in sources

    def is_up(self) -> bool:
        """Whether this lab's node runs; its contents may be unhealthy."""
        container = self.container()
        return container is not None and self.is_own(container) and bool(container["State"]["Running"])

    def identity(self) -> str:
        """The node's container id."""
        container = self.container()
        if container is None:
            raise ServiceError("the cluster has gone", "make lab-up")
        return str(container["Id"])

    @property
    def kube(self) -> Cluster:
        return Cluster(self.paths, self.kubeconfig, self.context, self.tool_environment())

    def tool_environment(self) -> dict[str, str]:
        """For kind, helm and kubectl: of the user's configuration only Docker's address, every file below `.lab/`."""
        return service_environment(
            {
                **reach(),
                "HOME": str(self.paths.user_home),
                "LAB_HOME": str(self.paths.home),
                **own_homes(self.paths, self.kubeconfig),
                "KIND_EXPERIMENTAL_DOCKER_NETWORK": self.network,
            }
        )
