"""The network policies of each place: what must pass and what must not, by their definition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.config import read_file
from lab.engine.eks import manifests
from lab.engine.eks.settings import SAMPLE, EksSettings
from lab.engine.kubernetes.objects import write
from lab.parity.render import kustomize
from lab.paths import SOURCE, Paths
from lab.pins import pins, version_tuple
from tests.network_policies import Connection, End, refusals
from tests.render.conftest import Object, Render, find, program

DNS = End("10.244.0.2", "kube-system", "coredns", {"k8s-app": "kube-dns"})
STEP = End("10.244.0.3", "airflow", "step", {"kubernetes_pod_operator": "True"})
GITEA = End("10.244.0.4", "platform", "gitea", {"app.kubernetes.io/name": "gitea"})
LOCALSTACK = End("10.244.0.5", "platform", "localstack", {"app.kubernetes.io/name": "localstack"})
POSTGRES = End("10.244.0.6", "platform", "postgres", {"app.kubernetes.io/name": "postgres"})
TRIGGERS = End("10.244.0.7", "airflow", "triggers", {"app.kubernetes.io/name": "triggers"})
AGENT, METADATA = End("169.254.170.23"), End("169.254.169.254")
KUBERNETES, INTERNET, RDS = End("10.96.0.1"), End("203.0.113.7"), End("192.168.7.7")
PERSON, NODE, MACHINE = End("203.0.113.9"), End("10.244.0.1"), End("172.18.0.1")
"""Who comes through a port of the node, as a network plug-in may see them."""


def airflow(component: str) -> End:
    return End("10.244.0.8", "airflow", component, {"tier": "airflow", "component": component})


def policies(rendered: list[Object]) -> list[Object]:
    return [found for found in rendered if found["kind"] == "NetworkPolicy"]


@pytest.fixture
def local(overlay: Render) -> list[Object]:
    return policies(overlay("local"))


def eks(folder: Path, **sections: Any) -> list[Object]:
    sample: dict[str, Any] = read_file(SOURCE / SAMPLE)
    place = EksSettings.model_validate({**sample, **sections})
    files = manifests.rendered(place, Paths(SOURCE, folder), folder)
    return policies(kustomize(program("kubectl"), write(folder, files)))


ALLOWED = [
    (STEP, DNS, 53),
    (STEP, AGENT, 80),
    (STEP, GITEA, 3000),
    (STEP, LOCALSTACK, 4566),
    (airflow("worker"), airflow("api-server"), 8080),
    (airflow("run-airflow-migrations"), POSTGRES, 5432),
    *[(each, service, port) for each in (PERSON, NODE, MACHINE)
      for service, port in ((GITEA, 3000), (LOCALSTACK, 4566), (airflow("api-server"), 8080))],
]  # fmt: skip
REFUSED = [
    (STEP, POSTGRES, 5432),
    (STEP, airflow("api-server"), 8080),
    (STEP, airflow("scheduler"), 8793),
    (STEP, TRIGGERS, 8080),
    (STEP, STEP, 8080),
    (STEP, KUBERNETES, 443),
    (STEP, End("192.0.2.10"), 6443),
    (STEP, METADATA, 80),
    (STEP, INTERNET, 443),
    (GITEA, LOCALSTACK, 4566),
    (GITEA, INTERNET, 443),
    (LOCALSTACK, INTERNET, 443),
    (POSTGRES, GITEA, 3000),
    (airflow("worker"), POSTGRES, 5432),
    (airflow("dag-processor"), KUBERNETES, 443),
    (PERSON, POSTGRES, 5432),
    (End("10.244.0.9", "default", "other"), LOCALSTACK, 4566),
]


@pytest.mark.parametrize(("source", "target", "port"), ALLOWED, ids=str)
def test_what_the_lab_on_kind_needs_passes(local: list[Object], source: End, target: End, port: int) -> None:
    assert refusals(local, Connection(source, target, port)) == []


@pytest.mark.parametrize(("source", "target", "port"), REFUSED, ids=str)
def test_what_nothing_on_kind_needs_does_not_pass(local: list[Object], source: End, target: End, port: int) -> None:
    assert refusals(local, Connection(source, target, port)) != []


def test_the_policies_name_the_addresses_of_the_cluster(local: list[Object]) -> None:
    cluster = (SOURCE / "k8s" / "kind" / "cluster.yaml").read_text("utf-8")
    text = json.dumps(local)
    assert "podSubnet: 10.244.0.0/16" in cluster
    assert "10.244.0.0/16" in text


def test_on_eks_steps_reach_https_and_launchers_the_database(tmp_path: Path) -> None:
    found = eks(tmp_path)
    for pod in (STEP, airflow("scheduler"), airflow("worker")):
        assert refusals(found, Connection(pod, INTERNET, 443)) == []
        assert refusals(found, Connection(pod, AGENT, 80)) == []
        assert refusals(found, Connection(pod, METADATA, 80)) == ["Egress"]
        assert refusals(found, Connection(pod, METADATA, 443)) == ["Egress"]
    assert refusals(found, Connection(airflow("scheduler"), RDS, 5432)) == []
    for pod in (STEP, airflow("worker")):
        assert refusals(found, Connection(pod, RDS, 5432)) == ["Egress"]
    assert refusals(found, Connection(STEP, airflow("api-server"), 8080)) == ["Egress", "Ingress"]


def test_on_eks_the_ports_of_the_git_host_and_the_database_are_those_of_the_settings(tmp_path: Path) -> None:
    url = "https://git.example.com:8443/team/mlops.git"
    found = eks(tmp_path, repository={"url": url}, database={"port": 6432})
    for port in (443, 8443):
        assert refusals(found, Connection(STEP, INTERNET, port)) == []
    assert refusals(found, Connection(airflow("scheduler"), RDS, 6432)) == []
    assert refusals(found, Connection(airflow("scheduler"), RDS, 5432)) == ["Egress"]


@pytest.mark.parametrize(("place", "names"), [("local", ["airflow", "platform"]), ("eks", ["airflow"])])
def test_every_namespace_is_restricted_to_a_version_that_the_cluster_knows(
    overlay: Render, place: str, names: list[str]
) -> None:
    newest = version_tuple(pins()["kubernetes"]["version"])[:2]
    for name in names:
        labels = find(overlay(place), "Namespace", name)["metadata"]["labels"]
        for mode in ("enforce", "warn", "audit"):
            assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
            assert version_tuple(labels[f"pod-security.kubernetes.io/{mode}-version"][1:]) <= newest
