"""The two places with their default settings: all objects that `lab up ENGINE=kind` and `lab eks up` would make.

Nothing is asked of Docker, a cluster or AWS. Images of kind are named by their names alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lab.access import Access
from lab.config import AirflowSettings, Settings
from lab.engine.airflow_secrets import DATABASE, GIT, generated, git_credentials
from lab.engine.airflow_values import shipped_files
from lab.engine.eks import manifests as eks_manifests
from lab.engine.eks.settings import SAMPLE, EksSettings, load
from lab.engine.kind import inside
from lab.engine.kind import manifests as kind_manifests
from lab.engine.kind.values import engine_values
from lab.parity.render import Object, kustomize, template
from lab.paths import Paths
from lab.secrets import Secrets

KIND, EKS = "kind", "eks"
Dags = Literal["bundle", "gitsync"]
WAYS: tuple[Dags, ...] = ("bundle", "gitsync")
"""By which DAG code comes to Airflow: both are compared."""
IMAGES = {name: f"lab/{name}:built" for name in ("airflow", "worker", "gitsync", *kind_manifests.PLATFORM_IMAGES)}


@dataclass(frozen=True)
class Tools:
    """What renders."""

    helm: Path
    kubectl: Path
    chart: Path


@dataclass(frozen=True)
class Renderer:
    """Renders both places of the checkout `source`; `folder` takes what has to be written for that."""

    source: Path
    folder: Path
    tools: Tools
    settings_file: Path | None = None

    def objects(self) -> dict[str, dict[str, list[Object]]]:
        """By place: what is there whichever way the DAGs come, as "", and Airflow's chart for each way."""
        makers = {KIND: self.kind, EKS: self.eks}
        with ThreadPoolExecutor() as pool:
            found = {
                place: {way: pool.submit(make, way) for way in ("", *WAYS)} for place, make in makers.items()
            }
            return {place: {way: made.result() for way, made in ways.items()} for place, ways in found.items()}

    def environments(self) -> dict[str, dict[str, str]]:
        """By place: the ConfigMap from which Airflow's pods and step pods have their environment."""
        return {
            KIND: inside.pipeline_environment(self.access(), IMAGES["worker"]),
            EKS: eks_manifests.pipeline_environment(self.eks_settings()),
        }

    def kind(self, way: str) -> list[Object]:
        access = self.access()
        if not way:
            made = json.loads(kind_manifests.secret_objects(access, IMAGES["worker"]))["items"]
            overlay = kustomize(self.tools.kubectl, kind_manifests.write_kustomization(access, IMAGES))
            return [*(keys_only(each) for each in made if each["kind"] != "Namespace"), *overlay]
        values = engine_values(access, IMAGES, migrated=True)
        return self.airflow(KIND, way, shipped_files(self.source, "local", way), values)

    def eks(self, way: str) -> list[Object]:
        settings = self.eks_settings()
        if not way:
            folder = eks_manifests.write(settings, self.paths, self.folder / EKS)
            return [*eks_secrets(), *kustomize(self.tools.kubectl, folder)]
        values = eks_manifests.engine_values(settings)
        return self.airflow(EKS, way, shipped_files(self.source, EKS, way), values)

    def airflow(self, place: str, way: str, shipped: list[Path], values: Mapping[str, Any]) -> list[Object]:
        own = self.folder / f"{place}-{way}-values.json"
        own.write_text(json.dumps(values), "utf-8")
        return template(self.tools.helm, self.tools.chart, [*shipped, own])

    @property
    def paths(self) -> Paths:
        return Paths(self.source, self.folder)

    def access(self) -> Access:
        """A lab on kind with default settings, of which nothing runs."""
        Secrets(self.paths.secrets).ensure()
        urls = (f"http://127.0.0.1:{port}" for port in (8080, 4566, 3000))
        return Access(self.paths, Settings(airflow=AirflowSettings()), *urls)

    def eks_settings(self) -> EksSettings:
        return load(self.settings_file or self.source / SAMPLE)


def eks_secrets() -> list[Object]:
    """The Secrets of `lab eks up` by their keys."""

    class Nothing:
        def __getitem__(self, name: str) -> str:
            return ""

    names = {GIT: git_credentials("", ""), DATABASE: {"connection": ""}, **generated(Nothing())}
    return [
        keys_only(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "type": "Opaque",
                "metadata": {"namespace": eks_manifests.NAMESPACE, "name": name, "labels": eks_manifests.LABELS},
                "stringData": data,
            }
        )
        for name, data in names.items()
    ]


def keys_only(found: Object) -> Object:
    """A Secret with its keys and none of its values; anything else as it is."""
    if found["kind"] != "Secret":
        return found
    return {**found, "stringData": dict.fromkeys(found["stringData"], "(secret)")}
