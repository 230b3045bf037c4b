"""The two places: all objects that `lab up ENGINE=kind` and `lab eks up` would make, with default settings.

Docker, a cluster or AWS are not used. Images of kind are named without the digest of their build.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lab import services
from lab.access import LoopbackAccess
from lab.config import Settings
from lab.engine.airflow_secrets import DATABASE, GIT, generated, git_credentials, secret_object
from lab.engine.airflow_values import shipped_files
from lab.engine.eks import manifests as eks_manifests
from lab.engine.eks.settings import SAMPLE, EksSettings, EksStorageSettings, load
from lab.engine.kubernetes import inside, objects
from lab.engine.kubernetes import manifests as kind_manifests
from lab.engine.kubernetes.cluster import AIRFLOW
from lab.engine.kubernetes.values import engine_values
from lab.images.catalogue import IN_CLUSTER
from lab.parity.render import Object, kustomize, template
from lab.paths import Paths
from lab.secrets import Secrets

Way = Literal["bundle", "gitsync"]
WAYS: tuple[Way, ...] = ("bundle", "gitsync")
"""By which DAG code comes to Airflow: both are compared."""
IMAGES = {name: f"lab/{name}:built" for name in IN_CLUSTER}


@dataclass(frozen=True)
class Tools:
    """What renders."""

    helm: Path
    kubectl: Path
    chart: Path


@dataclass(frozen=True)
class Kind:
    """The lab on kind; `paths` are those of the checkout, with a home that is of this only."""

    paths: Paths
    tools: Tools

    def __post_init__(self) -> None:
        Secrets(self.paths.secrets).ensure()  # once: the parts are rendered in parallel

    def access(self) -> LoopbackAccess:
        """A lab of which nothing runs."""
        return LoopbackAccess(self.paths, Settings(), services.default_urls())

    def environment(self) -> dict[str, str]:
        """What Airflow's pods and the step pods have in their environment."""
        return inside.pipeline_environment(self.access(), IMAGES["worker"])

    def manifests(self) -> list[Object]:
        """The objects other than Airflow's."""
        access = self.access()
        made = json.loads(kind_manifests.secret_objects(access, IMAGES["worker"]))["items"]
        folder = self.paths.run / "kind"
        written = objects.write(folder, kind_manifests.rendered(access, IMAGES, folder))
        overlay = kustomize(self.tools.kubectl, written)
        return [*(keys_only(each) for each in made if each["kind"] != "Namespace"), *overlay]

    def airflow(self, way: Way) -> list[Object]:
        own = self.paths.home / f"kind-{way}-values.json"
        own.write_text(json.dumps(engine_values(self.access(), IMAGES, migrated=True)), "utf-8")
        files = [*shipped_files(self.paths.source, "local", way), own]
        return template(self.tools.helm, self.tools.chart, files)


@dataclass(frozen=True)
class Eks:
    """The lab on Amazon EKS with these settings; `paths` as of Kind."""

    paths: Paths
    tools: Tools
    settings: EksSettings

    def environment(self) -> dict[str, str]:
        """As Kind's."""
        return eks_manifests.pipeline_environment(self.settings)

    def manifests(self) -> list[Object]:
        """As Kind's."""
        folder = self.folder / "manifests"
        written = objects.write(folder, eks_manifests.rendered(self.settings, self.paths, folder))
        return [*secrets(), *kustomize(self.tools.kubectl, written)]

    def airflow(self, way: Way) -> list[Object]:
        airflow = self.settings.airflow.model_copy(update={"dags": way})
        settings = self.settings.model_copy(update={"airflow": airflow})
        files = eks_manifests.values_files(settings, self.paths, self.folder / way)
        for file in files:
            file.write()
        return template(self.tools.helm, self.tools.chart, [file.path for file in files])

    @property
    def folder(self) -> Path:
        return self.paths.home / f"eks-{self.settings.storage.volume}"


def sample(source: Path) -> list[EksSettings]:
    """The checkout's sample settings, with each of the two kinds of shared volume."""
    gp3 = load(source / SAMPLE)
    efs = EksStorageSettings(bucket=gp3.storage.bucket, volume="efs", file_system="fs-0123456789abcdef0")
    return [gp3, gp3.model_copy(update={"storage": efs})]


def secrets() -> list[Object]:
    """The Secrets of `lab eks up`, by their keys."""

    class Nothing:
        def __getitem__(self, name: str) -> str:
            return ""

    names = {GIT: git_credentials("", ""), DATABASE: {"connection": ""}, **generated(Nothing())}
    return [keys_only(secret_object(AIRFLOW, name, data)) for name, data in names.items()]


def keys_only(found: Object) -> Object:
    """A Secret with its keys and none of its values; anything else as it is."""
    if found["kind"] != "Secret":
        return found
    return {**found, "stringData": dict.fromkeys(found["stringData"], "(secret)")}
