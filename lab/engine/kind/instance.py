"""One lab on kind: its cluster, ports, tools and images. The phases and the engine work on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lab.docker import inspect, reach
from lab.engine.instance import LabInstance
from lab.errors import NotRunningError
from lab.images import ImageSet, image_set
from lab.images.catalogue import IN_CLUSTER
from lab.proc import Completed, run, service_environment
from lab.tools import own_homes, tool

AIRFLOW, PLATFORM, SYSTEM = "airflow", "platform", "kube-system"
"""The namespaces: Airflow with the steps' pods, the stand-ins for external services, and Kubernetes' own."""
QUICK = 30
"""Seconds that a question to the cluster may take."""


@dataclass(frozen=True)
class Instance(LabInstance):
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

    def require_up(self) -> None:
        if not self.is_up():
            raise NotRunningError("the lab is down", "make lab-up")

    def kubectl(self, *arguments: str, limit: float = QUICK, text: str | None = None, check: bool = True) -> Completed:
        """Run the lab's kubectl on the lab's cluster, whatever the user's own context is."""
        place = ("--kubeconfig", str(self.kubeconfig), "--context", self.context)
        return run(
            [tool(self.paths, "kubectl"), *place, *arguments],
            env=self.tool_environment(),
            limit=limit,
            text=text,
            check=check,
        )

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
