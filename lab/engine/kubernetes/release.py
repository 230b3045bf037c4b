"""Airflow's Helm release: what is to be installed, and whether that is what the cluster has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.engine.kubernetes.cluster import AIRFLOW, Cluster
from lab.helm_values import ValuesFile, check_values
from lab.services.airflow import API_SERVER, DAG_PROCESSOR, SCHEDULER

RELEASE = "airflow"
LABEL = "mlops-lab"
"""A label of the Helm release; its value is a digest of what it was installed from."""
LIMIT = 300
DEPLOYMENTS = (API_SERVER, SCHEDULER, DAG_PROCESSOR)
LISTED = r'jsonpath={range .items[*]}{.kind}{"\t"}{.metadata.name}{"\t"}{.metadata.labels}{"\n"}{end}'
"""Kind, name and labels (as JSON) of each object: the content of Helm's Secrets is large, and not needed."""


@dataclass(frozen=True)
class Release:
    """What is to be installed: the chart, and the values in the order in which Helm is to merge them."""

    chart: Path
    values: Sequence[ValuesFile]

    @property
    def digest(self) -> str:
        """The same inputs have the same digest on every machine."""
        found = hashlib.sha256()
        for content in (self.chart.read_bytes(), *(file.text.encode() for file in self.values)):
            found.update(hashlib.sha256(content).digest())
        return found.hexdigest()[:12]

    def check(self) -> None:
        """Refuse values that the chart does not know.

        Raises:
            SettingsError: each of them, with the file that has it.
        """
        check_values(self.chart, self.values)


@dataclass(frozen=True)
class Installed:
    """The newest revision in a cluster: its labels, and which of the release's deployments are missing."""

    labels: dict[str, str]
    missing: tuple[str, ...]

    def differences(self, wanted: Release) -> list[str]:
        """What is not as it would be installed now; nothing if the release is current."""
        differs = [] if self.labels.get(LABEL) == wanted.digest else ["chart or values differ"]
        if self.labels.get("status") != "deployed":
            differs.append(f"is {self.labels.get('status')}")
        return [*differs, *(f"lacks {name}" for name in self.missing)]


def installed(cluster: Cluster) -> Installed | None:
    """The release in the cluster, by the labels that Helm keeps with its Secrets (`helm upgrade --labels`), or None."""
    which = ("get", "secrets,deployments", "--namespace", AIRFLOW, "--output", LISTED)
    found = [line.split("\t") for line in cluster.kubectl(*which).stdout.splitlines() if line]
    labels: list[dict[str, str]] = [json.loads(text) for kind, _, text in found if kind == "Secret" and text]
    revisions = [each for each in labels if each.get("owner") == "helm" and each.get("name") == RELEASE]
    newest = max(revisions, key=lambda each: int(each.get("version", 0)), default=None)
    if newest is None:
        return None
    there = {name for kind, name, _ in found if kind == "Deployment"}
    return Installed(newest, tuple(name for name in DEPLOYMENTS if name not in there))


def install(cluster: Cluster, wanted: Release) -> None:
    """Install or upgrade the release, without waiting for what it starts; write the values files that are generated.

    Raises:
        ProgramError: Helm refused; its last lines are the detail.
    """
    for file in wanted.values:
        file.write()
    values = [f"--values={file.path}" for file in wanted.values]
    place = ("--namespace", AIRFLOW, "--labels", f"{LABEL}={wanted.digest}")
    cluster.helm("upgrade", "--install", RELEASE, str(wanted.chart), *place, *values, limit=LIMIT)
