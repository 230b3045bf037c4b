"""What the manifests of k8s/overlays/local and the records of the services say of each service in the cluster.

Namespaces, labels, ports, images, volumes and workloads are read from the manifests, and are nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from lab import manifests, services
from lab.config import Settings
from lab.engine.configuration import WORKLOADS
from lab.engine.kubernetes.cluster import AIRFLOW
from lab.services import CLUSTER, Service

Object = dict[str, Any]
NAME = "app.kubernetes.io/name"
"""The label with the name of a service."""
IMAGE = re.compile(r"lab/([a-z0-9-]+)")
"""An image in a manifest, without the tag that the engine fills in."""
FIRST = {"PersistentVolume", "PersistentVolumeClaim"}
"""What is applied before the pods that name it: the scheduler backs off for seconds when a pod's claim is unbound."""


@dataclass(frozen=True)
class ServicePlace:
    """Where the pods of a service are, and how `lab status` calls it in the cluster."""

    service: Service
    name: str
    namespace: str
    selector: str
    """The label of its pods, `label=value`."""
    workload: str
    """`kind/name` as `kubectl get` prints it, `deployment.apps/gitea`."""


def objects(service: Service) -> tuple[Object, ...]:
    """The objects in the service's manifest; none if it is part of Airflow's chart."""
    return manifests.overlay(service.manifest) if service.manifest else ()


def place(service: Service) -> ServicePlace:
    """Where a service of the cluster is, by the workload in its manifest, or by the labels of Airflow's chart."""
    if service.component:
        name = f"airflow-{service.component}"
        return ServicePlace(service, name, AIRFLOW, f"component={service.component}", f"deployment.apps/{name}")
    (workload,) = (each for each in objects(service) if each["kind"] in WORKLOADS)
    label, metadata = workload["spec"]["template"]["metadata"]["labels"][NAME], workload["metadata"]
    kind = f"{workload['kind'].lower()}.{workload['apiVersion'].partition('/')[0]}"
    return ServicePlace(service, label, metadata["namespace"], f"{NAME}={label}", f"{kind}/{metadata['name']}")


def places(settings: Settings | None = None) -> dict[str, ServicePlace]:
    """The services of a lab with these settings, or of any, by their names in the cluster."""
    return {found.name: found for found in map(place, services.running(CLUSTER, settings))}


def airflow_places() -> list[ServicePlace]:
    """The services that are components of Airflow's chart, which every cluster has."""
    return [place for place in places().values() if place.service.component]


def address(name: str) -> str:
    """`service.namespace:port` of the only port of the service with this name in lab/services."""
    (found,) = manifests.services_of(objects(services.find(name)))
    (port,) = found["spec"]["ports"]
    return f"{found['metadata']['name']}.{found['metadata']['namespace']}:{port['port']}"


def node_ports() -> dict[str, int]:
    """The port of the node for each port by which people reach a service, by the port's name in lab/services."""
    return {each.port.name: node_port(each) for each in services.running(CLUSTER) if each.port}


def node_port(service: Service) -> int:
    if service.component:
        found = manifests.values("overlays/local/airflow-values.yaml")
        for key in service.values:
            found = found[key]
        ports = found["ports"]
    else:
        ports = [port for each in manifests.services_of(objects(service)) for port in each["spec"]["ports"]]
    (number,) = (port["nodePort"] for port in ports if "nodePort" in port)
    return int(number)


def images() -> list[str]:
    """The names of the lab's images in the manifests, without `lab/`."""
    found = {name for each in services.running(CLUSTER) for name in images_in(objects(each))}
    return sorted(found)


def images_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        image = IMAGE.fullmatch(value["image"]) if isinstance(value.get("image"), str) else None
        yield from [image[1]] if image else []
        value = tuple(value.values())
    if isinstance(value, (list, tuple)):
        for each in value:
            yield from images_in(each)


def volumes() -> list[Object]:
    """The volumes and claims of the overlay, those of its services included."""
    files = ("volumes.yaml", *(each.manifest for each in services.running(CLUSTER) if each.manifest))
    return [each for file in files for each in manifests.overlay(file) if each["kind"] in FIRST]


def data_folders() -> list[str]:
    """The folders below the node's `/lab/data` that volumes are in; they must exist before a pod starts."""
    paths = (each["spec"]["local"]["path"] for each in volumes() if each["kind"] == "PersistentVolume")
    return sorted(PurePosixPath(path).name for path in paths)
