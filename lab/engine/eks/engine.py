"""The EKS engine as the commands see it. `lab eks` creates and deletes what it runs on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lab.config import Settings
from lab.engine.base import Status
from lab.engine.eks import bring_up, report
from lab.engine.eks.access import EksAccess, known_secrets
from lab.engine.eks.place import Place
from lab.engine.eks.settings import FILE, load
from lab.engine.kubernetes import logs, overlay
from lab.engine.kubernetes.cluster import AIRFLOW, Cluster
from lab.engine.kubernetes.forward import forwarded
from lab.engine.phases import Note, Phase
from lab.errors import NotRunningError, SettingsError
from lab.host import Check
from lab.paths import Paths
from lab.services.airflow import API_SERVER

PORT = 8080


@dataclass
class EksEngine:
    """See lab.engine.base.Engine for what each method promises.

    `file` holds the settings of this engine; those of lab.toml are of labs on this machine.
    """

    paths: Paths
    settings: Settings
    file: Path | None = None
    name: str = "eks"
    on_this_machine: bool = False
    up_command: str = "make eks-up"
    git_pages: bool = False
    injector: str = ""
    opened: ExitStack = field(default_factory=ExitStack)
    forward: str = ""

    @cached_property
    def instance(self) -> Place:
        return Place(load(self.file or self.paths.source / FILE), self.paths)

    def why_not_at_once(self) -> str:
        return "the resources on AWS have to be made first"

    def before_up(self) -> list[str]:
        hint = "make eks-plan shows what would be made, make eks-up makes it"
        raise SettingsError("lab up makes nothing on AWS", hint)

    def phases(self) -> list[Phase]:
        return bring_up.phases(self.instance)

    def access(self) -> EksAccess:
        place, cluster = self.instance, self.require_cluster()
        known = known_secrets(place)
        if "airflow-password" not in known:
            raise NotRunningError("the cluster has no Airflow of the lab's", "make eks-up")
        place.keep_kubeconfig()
        for folder in (self.paths.temporary, self.paths.user_home):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return EksAccess.of(place, known, lambda: self.airflow_url(cluster))

    def airflow_url(self, cluster: Cluster) -> str:
        """Airflow on this machine, by a port-forward from the first use to `close`."""
        if not self.forward:
            self.forward = self.opened.enter_context(forwarded(cluster, API_SERVER, AIRFLOW, PORT))
        return self.forward

    def require_cluster(self) -> Cluster:
        """Kubectl on the cluster.

        Raises:
            SettingsError: the credentials are of another account than eks.toml.
            NotRunningError: there is no cluster that answers.
        """
        self.instance.cloud.require_account()
        cluster = self.instance.kube()
        if cluster is None:
            raise NotRunningError(f"the cluster {self.instance.settings.cluster.name} is not up", "make eks-up")
        return cluster

    def close(self) -> None:
        self.opened.close()
        self.forward = ""

    def status(self) -> Status:
        return report.status(self)

    def down(self, *, purge: bool) -> list[str]:
        hint = "make eks-plan DOWN=1 shows what would be deleted, make eks-down deletes it"
        raise SettingsError("lab down deletes nothing on AWS", hint)

    def service_names(self) -> list[str]:
        return [place.name for place in overlay.airflow_places()]

    def log(self, service: str, lines: int) -> str:
        return logs.last_lines(self.require_cluster(), service, lines)

    def follow(self, service: str) -> Iterator[str]:
        return logs.follow(self.require_cluster(), service)

    def shell_environment(self) -> dict[str, str]:
        kubeconfig, url = self.instance.folder / "kubeconfig", self.instance.settings.repository.url
        raise SettingsError(
            "lab shell does not reach a lab on EKS: its programs are those of a lab on this machine",
            f"export KUBECONFIG={kubeconfig} for kubectl, and git clone {url}",
        )

    def diagnose(self) -> list[Check]:
        return report.diagnose(self)

    def secret_names(self) -> list[str]:
        raise SettingsError(
            "the lab on EKS keeps its secrets in the cluster, and lab secrets does not change them",
            f"kubectl get secrets --namespace {AIRFLOW}; make eks-up takes other credentials from the environment",
        )

    def rotate(self, names: Sequence[str], note: Note) -> bool:
        self.secret_names()
        return False

    def leftovers(self) -> Iterable[str]:
        return ()
