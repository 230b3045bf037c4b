"""The configuration that kind gets: the template's, with what differs from lab to lab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from lab.engine.kind.cluster_config import cluster_config

TEMPLATE = Path(__file__).parents[2] / "k8s" / "kind" / "cluster.yaml"


def made(**changes: Any) -> Any:
    given: dict[str, Any] = {
        "name": "lab",
        "image": "lab/node:1",
        "ports": {30080: 8080, 30300: 3000},
        "data": Path("/home/x y/data"),
    }
    return YAML(typ="safe").load(cluster_config(TEMPLATE.read_text("utf-8"), **(given | changes)))


def patches(config: Any) -> dict[str, Any]:
    texts = config["nodes"][0]["kubeadmConfigPatches"]
    return {patch["kind"]: patch for patch in map(YAML(typ="safe").load, texts)}


def test_name_and_image_are_those_of_the_lab() -> None:
    config = made(name="other", image="lab/node:2")
    assert config["name"] == "other"
    assert [node["image"] for node in config["nodes"]] == ["lab/node:2"]


def test_every_port_is_on_loopback_only() -> None:
    mappings = made()["nodes"][0]["extraPortMappings"]
    assert {mapping["containerPort"]: mapping["hostPort"] for mapping in mappings} == {30080: 8080, 30300: 3000}
    assert {mapping["listenAddress"] for mapping in mappings} == {"127.0.0.1"}


def test_the_api_server_is_on_loopback_only() -> None:
    assert made()["networking"]["apiServerAddress"] == "127.0.0.1"


def test_the_data_folder_is_in_the_node_whatever_its_name() -> None:
    assert made()["nodes"][0]["extraMounts"] == [{"hostPath": "/home/x y/data", "containerPath": "/lab/data"}]


def test_a_full_disk_evicts_nothing_and_collects_no_image() -> None:
    kubelet = patches(made())["KubeletConfiguration"]
    assert set(kubelet["evictionHard"].values()) == {"0%"}
    assert kubelet["imageGCHighThresholdPercent"] == 100


def test_the_cluster_has_the_address_that_the_node_gives_itself() -> None:
    entrypoint = (TEMPLATE.parents[2] / "images/node/files/usr/local/bin/entrypoint").read_text("utf-8")
    address = patches(made())["InitConfiguration"]["localAPIEndpoint"]["advertiseAddress"]
    assert f"readonly ADDRESS={address}\n" in entrypoint
    assert patches(made())["ClusterConfiguration"]["controlPlaneEndpoint"] == f"{address}:6443"


def test_the_bootstrap_token_is_random() -> None:
    assert patches(made())["InitConfiguration"]["bootstrapTokens"] == []
