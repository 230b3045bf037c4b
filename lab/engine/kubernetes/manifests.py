"""What the engine adds to `k8s/overlays/local`: image references, URLs, and the objects that hold secrets.

Secrets are returned as text for kubectl's standard input; they are never written to a file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab import services
from lab.access import GIT_BOT, LoopbackAccess
from lab.engine import configuration
from lab.engine.airflow_secrets import LABELS, generated, git_credentials, secret_object
from lab.engine.airflow_values import name_and_tag
from lab.engine.kubernetes import inside, overlay
from lab.engine.kubernetes.cluster import AIRFLOW, PLATFORM, SYSTEM
from lab.services import CLUSTER

SERVICES_FILE = "services.yaml"
"""The objects of the services. The overlay's kustomization does not list their manifests, so it names no service."""
ASSOCIATIONS, ASSOCIATIONS_FILE = "pod-identity-associations", "associations.yaml"
"""The ConfigMap that the service of Pod Identity reads, and the key in it: lab/pod_identity/associations.py."""


def make_data_folders(data: Path) -> None:
    """Create the folders of the cluster's volumes in `data`, which kind mounts as the node's `/lab/data`."""
    for name in overlay.data_folders():
        (data / name).mkdir(parents=True, exist_ok=True)


def kustomization(access: LoopbackAccess, images: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """The overlay `local`, for `folder`, with the references of `images` (by name) and the URL of Gitea for people."""
    root_url = {"name": "GITEA__server__ROOT_URL", "value": f"{access.url('git')}/"}
    container = {"name": "gitea", "env": [root_url]}
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "gitea", "namespace": PLATFORM},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    shipped = access.paths.source / "k8s" / "overlays" / "local"
    known = objects(access, images["worker"])
    patches = [patch, *configuration.patches(included(access), known)]
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        # Relative, because kustomize takes nothing else.
        "resources": [os.path.relpath(shipped, folder), SERVICES_FILE],
        "images": [{"name": f"lab/{name}", **image_fields(images[name])} for name in overlay.images()],
        "patches": [{"patch": json.dumps(each)} for each in patches],
    }


def included(access: LoopbackAccess) -> list[dict[str, Any]]:
    """The objects in the manifests of the lab's services."""
    running = services.running(CLUSTER, access.settings)
    return [each for service in running for each in overlay.objects(service)]


def rendered(access: LoopbackAccess, images: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The files of `folder` for `kubectl apply --server-side --kustomize`, by name."""
    return {
        "kustomization.yaml": json.dumps(kustomization(access, images, folder), indent=2) + "\n",
        SERVICES_FILE: "---\n".join(json.dumps(each) + "\n" for each in included(access)),  # JSON is YAML
    }


def image_fields(reference: str) -> dict[str, str]:
    """`host:5000/a/b:tag` or `a/b@sha256:…` as kustomize's newName, and newTag or digest."""
    name, _, digest = reference.partition("@")
    if digest:
        return {"newName": name, "digest": digest}
    name, tag = name_and_tag(reference)
    return {"newName": name, "newTag": tag}


def secret_objects(access: LoopbackAccess, worker_image: str, worker_digest: str = "") -> str:
    """Namespaces, environments of the pipeline and of its identity, Secrets, for `kubectl apply --server-side -f -`.

    To be applied before the rest, so that no pod has to wait for them, and with a separate field manager.
    """
    namespaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}} for n in (AIRFLOW, PLATFORM)]
    items = [*namespaces, *objects(access, worker_image, worker_digest)]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def objects(access: LoopbackAccess, worker_image: str, worker_digest: str = "") -> list[dict[str, Any]]:
    """The ConfigMaps and Secrets that pods read."""
    environment = {
        **named("ConfigMap", AIRFLOW, "pipeline-environment"),
        "data": inside.pipeline_environment(access, worker_image, worker_digest),
    }
    identity = {**named("ConfigMap", SYSTEM, "pod-identity"), "data": inside.identity_environment(access)}
    roles = {**named("ConfigMap", PLATFORM, "localstack-roles"), "data": {"roles.json": inside.role_policies(access)}}
    associations = {**named("ConfigMap", SYSTEM, ASSOCIATIONS), "data": {ASSOCIATIONS_FILE: inside.associations()}}
    places = overlay.places().values()
    read = [
        (AIRFLOW, airflow_secrets(access)),
        *((each.namespace, each.service.objects(access.secrets)) for each in places),
    ]
    secrets = [secret_object(namespace, *each) for namespace, by_name in read for each in by_name.items()]
    return [environment, identity, roles, associations, *secrets]


def named(kind: str, namespace: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"namespace": namespace, "name": name, "labels": LABELS}}


def airflow_secrets(access: LoopbackAccess) -> dict[str, dict[str, str]]:
    """The Secrets of the namespace `airflow`, by the names that the Helm values and the DAGs use."""
    secrets = access.secrets
    password = secrets["postgres-airflow-password"]
    return {
        "git-credentials": git_credentials(GIT_BOT, secrets["git-bot-password"]),
        "airflow-metadata": {"connection": f"postgresql://airflow:{password}@{inside.database()}/airflow"},
        **generated(secrets),
    }
