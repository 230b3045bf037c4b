"""What is applied to the cluster: each overlay by kustomize, and Airflow's chart with the values of each place."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import services
from lab.access import LoopbackAccess
from lab.config import Settings
from lab.engine.airflow_values import shipped_files
from lab.engine.kubernetes import manifests
from lab.engine.kubernetes.objects import write
from lab.engine.kubernetes.values import engine_values
from lab.images.catalogue import IN_CLUSTER
from lab.parity.render import kustomize, objects, template
from lab.paths import SOURCE, Paths
from lab.secrets import Secrets
from lab.tools import ensure_tools, tool
from tests.chart import chart_or_skip

Object = dict[str, Any]
Render = Callable[..., list[Object]]
IMAGES = {name: f"lab/{name}:{name.encode().hex()[:12]:0<12}" for name in IN_CLUSTER}


@functools.cache
def program(name: str) -> Path:
    """One of the lab's own tools, fetched or built if needed."""
    ensure_tools(Paths.of(), print)
    return tool(Paths.of(), name)


@pytest.fixture(scope="session")
def access(tmp_path_factory: pytest.TempPathFactory) -> LoopbackAccess:
    """A lab on kind of this checkout, with its state elsewhere."""
    paths = Paths(SOURCE, tmp_path_factory.mktemp("lab") / ".lab")
    Secrets(paths.secrets).ensure()
    return LoopbackAccess(paths, Settings(), services.default_urls())


@pytest.fixture(scope="session")
def secrets(access: LoopbackAccess) -> list[Object]:
    """What the engine makes beside the manifests: namespaces, the pipeline's environment, the Secrets."""
    made: list[Object] = json.loads(manifests.secret_objects(access, IMAGES["worker"]))["items"]
    return made


@pytest.fixture(scope="session")
def overlay(access: LoopbackAccess) -> Render:
    """`overlay("local")` as the engine applies it, `overlay("eks")` unchanged."""

    @functools.cache
    def render(place: str) -> list[Object]:
        folder = SOURCE / "k8s" / "overlays" / place
        if place == "local":
            folder = access.paths.run / "kind"
            write(folder, manifests.rendered(access, IMAGES, folder))
        return kustomize(program("kubectl"), folder)

    return render


@pytest.fixture(scope="session")
def airflow(access: LoopbackAccess, tmp_path_factory: pytest.TempPathFactory) -> Render:
    """`airflow("local", "bundle")`: the chart's objects; with `migrated=False` for a database image without tables."""
    chart = chart_or_skip()
    generated = tmp_path_factory.mktemp("values")

    @functools.cache
    def render(place: str, dags: str, *, migrated: bool = True) -> list[Object]:
        own = generated / f"{migrated}.json"
        own.write_text(json.dumps(engine_values(access, IMAGES, migrated=migrated or place != "local")), "utf-8")
        return template(program("helm"), chart, [*shipped_files(SOURCE, place, dags), own])

    return render


def pods(rendered: list[Object]) -> Iterator[tuple[str, Object]]:
    """Every pod that these objects create, with a name for messages; Airflow's workers are in a ConfigMap."""
    for found in rendered:
        name = f"{found['kind']} {found['metadata']['name']}"
        if found["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield name, found["spec"]["template"]["spec"]
        for file, text in (found.get("data") or {}).items():
            if file == "pod_template_file.yaml":
                yield "worker", objects(text)[0]["spec"]


def containers(rendered: list[Object]) -> Iterator[tuple[str, Object]]:
    for name, pod in pods(rendered):
        for container in (*(pod.get("initContainers") or []), *pod["containers"]):
            yield f"{name}, {container['name']}", container


def find(rendered: list[Object], kind: str, name: str) -> Object:
    (found,) = [o for o in rendered if (o["kind"], o["metadata"]["name"]) == (kind, name)]
    return found


def secrets_used(rendered: list[Object]) -> Iterator[tuple[str, str | None]]:
    """The name of each Secret that a pod needs to start, and the key if it is one."""
    for _, pod in pods(rendered):
        for volume in pod.get("volumes") or []:
            if "secret" in volume:
                secret = volume["secret"]
                yield secret["secretName"], None
                yield from ((secret["secretName"], item["key"]) for item in secret.get("items", []))
    for _, container in containers(rendered):
        for source in container.get("envFrom") or []:
            if "secretRef" in source and not source["secretRef"].get("optional"):
                yield source["secretRef"]["name"], None
        for variable in container.get("env") or []:
            if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                yield reference["name"], reference["key"]
