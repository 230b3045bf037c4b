"""The kind configuration of the lab's cluster: k8s/kind/cluster.yaml, and what differs between labs."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DATA = "/lab/data"
"""Where the folder of the lab's data is in the node."""


def cluster_config(template: str, *, name: str, image: str, ports: Mapping[int, int], data: Path) -> str:
    """`template` filled in, as YAML for `kind create cluster --config -`.

    `ports` are NodePorts of services with the ports of this machine, on loopback, by which they are reached; `data` is
    the folder that becomes /lab/data in the node. Everything else is the template's: the node detects what depends on
    the host (cgroup v1, a missing capability) when it starts.
    """
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 4096  # no line is broken
    config: dict[str, Any] = yaml.load(template)
    config["name"] = name
    node = config["nodes"][0]
    node["image"] = image
    node["extraMounts"] = [{"hostPath": str(data), "containerPath": DATA}]
    node["extraPortMappings"] = [mapping(*pair) for pair in sorted(ports.items())]
    text = io.StringIO()
    yaml.dump(config, text)
    return text.getvalue()


def mapping(node_port: int, host_port: int) -> dict[str, str | int]:
    return {"listenAddress": "127.0.0.1", "hostPort": host_port, "containerPort": node_port}
