"""What `lab eks up` applies to a cluster on EKS: the overlay and the chart with all that eks.toml says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.config import read_file
from lab.engine.airflow_secrets import LABELS
from lab.engine.eks import manifests
from lab.engine.eks.settings import SAMPLE, EksSettings
from lab.engine.kubernetes.identities import LOGS
from lab.engine.kubernetes.objects import write
from lab.helm_values import check_values
from lab.parity.render import kustomize, template
from lab.paths import SOURCE, Paths
from tests.chart import chart_or_skip
from tests.render.conftest import Object, containers, find, pods, program


def settings(**storage: str) -> EksSettings:
    sample: dict[str, Any] = read_file(SOURCE / SAMPLE)
    return EksSettings.model_validate({**sample, "storage": {**sample["storage"], **storage}})


@pytest.fixture(params=["gp3", "efs"])
def place(request: pytest.FixtureRequest) -> EksSettings:
    return settings() if request.param == "gp3" else settings(volume="efs", file_system="fs-0123456789abcdef0")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(SOURCE, tmp_path / ".lab")


def kustomized(place: EksSettings, paths: Paths) -> list[Object]:
    folder = paths.home / "eks"
    return kustomize(program("kubectl"), write(folder, manifests.rendered(place, paths, folder)))


def test_the_claim_is_of_the_class_that_comes_along(place: EksSettings, paths: Paths) -> None:
    rendered = kustomized(place, paths)
    (storage,) = [found for found in rendered if found["kind"] == "StorageClass"]
    claim = find(rendered, "PersistentVolumeClaim", "airflow-shared-pvc")["spec"]
    assert claim["storageClassName"] == storage["metadata"]["name"]
    if place.storage.volume == "efs":
        assert (storage["provisioner"], claim["accessModes"]) == ("efs.csi.aws.com", ["ReadWriteMany"])
        assert storage["parameters"]["fileSystemId"] == "fs-0123456789abcdef0"
    else:
        assert (storage["provisioner"], claim["accessModes"]) == ("ebs.csi.aws.com", ["ReadWriteOnce"])


def test_everything_is_labelled_as_the_labs(place: EksSettings, paths: Paths) -> None:
    rendered = kustomized(place, paths)
    kinds = {found["kind"] for found in rendered}
    assert kinds == {
        *("Namespace", "ServiceAccount", "StorageClass", "PersistentVolumeClaim", "ConfigMap", "NetworkPolicy")
    }
    for found in rendered:
        assert LABELS.items() <= found["metadata"]["labels"].items(), found["kind"]


@pytest.mark.parametrize("dags", ["bundle", "gitsync"])
def test_airflow_pulls_from_the_persons_registry_and_reads_the_persons_repository(paths: Paths, dags: str) -> None:
    sample: dict[str, Any] = read_file(SOURCE / SAMPLE)
    place = EksSettings.model_validate({**sample, "airflow": {"dags": dags}})
    files, chart = manifests.values_files(place, paths, paths.home / "eks"), chart_or_skip()
    check_values(chart, files)
    for file in files:
        file.write()
    rendered = template(program("helm"), chart, [file.path for file in files])
    images = place.images.references()
    assert {container["image"] for _, container in containers(rendered)} <= {images["airflow"], images["gitsync"]}
    accounts = {pod["serviceAccountName"] for _, pod in pods(rendered)}
    assert set(LOGS.accounts) <= accounts
    for name, container in containers(rendered):
        for variable in container.get("env") or []:
            if variable["name"] == "AIRFLOW_CONN_GIT_DEFAULT":
                assert json.loads(variable["value"])["host"] == place.repository.url, name
            if variable["name"] == "GITSYNC_REPO":
                assert variable["value"] == place.repository.url
    assert find(rendered, "Job", "airflow-run-airflow-migrations")  # the database is new
