"""A cluster takes what `lab parity` compares: both places, by its own checks (`--dry-run=server`: nothing is kept)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.parity.places import WAYS, Eks, Kind, Tools, sample
from lab.parity.render import Object
from lab.paths import SOURCE, Paths
from lab.tools import ensure_tools, tool
from tests.chart import chart_or_skip
from tests.e2e.cluster import KindLab

ELSEWHERE = "parity"
"""A namespace of this test's own: a claim that is there cannot be given another storage."""


@pytest.fixture(scope="module")
def tools() -> Tools:
    paths = Paths.of()
    ensure_tools(paths, print)
    return Tools(tool(paths, "helm"), tool(paths, "kubectl"), chart_or_skip())


@pytest.fixture
def elsewhere(lab: KindLab) -> Iterator[str]:
    lab.kubectl("create", "namespace", ELSEWHERE)
    yield ELSEWHERE
    lab.kubectl("delete", "namespace", ELSEWHERE)


def require_accepted(lab: KindLab, found: list[Object], folder: Path, *options: str) -> None:
    """Each of these objects, or the test fails with what the cluster says."""
    file = folder / "objects.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": found}), "utf-8")
    dry = ("apply", "--dry-run=server", "--server-side", "--force-conflicts", "--field-manager=parity")
    assert len(lab.kubectl(*dry, *options, "--filename", str(file), "--output", "name").split()) == len(found)


def moved(found: Object, namespace: str) -> Object:
    """The object in this namespace, if it is of `airflow`; the namespace itself with its name."""
    metadata = dict(found["metadata"])
    if metadata.get("namespace") == "airflow":
        metadata["namespace"] = namespace
    if found["kind"] == "Namespace" and metadata["name"] == "airflow":
        metadata["name"] = namespace
    return {**found, "metadata": metadata}


def test_the_cluster_takes_what_kind_is_given(lab: KindLab, tools: Tools, tmp_path: Path) -> None:
    kind = Kind(Paths(SOURCE, tmp_path), tools)
    require_accepted(lab, kind.manifests(), tmp_path)
    for way in WAYS:
        require_accepted(lab, kind.airflow(way), tmp_path, "--namespace", "airflow")


@pytest.mark.parametrize("number", [0, 1], ids=["gp3", "efs"])
def test_the_cluster_takes_what_eks_is_given(
    lab: KindLab, tools: Tools, elsewhere: str, number: int, tmp_path: Path
) -> None:
    eks = Eks(Paths(SOURCE, tmp_path), tools, sample(SOURCE)[number])
    require_accepted(lab, [moved(each, elsewhere) for each in eks.manifests()], tmp_path)
    for way in WAYS:
        airflow = [moved(each, elsewhere) for each in eks.airflow(way)]
        require_accepted(lab, airflow, tmp_path, "--namespace", elsewhere)
