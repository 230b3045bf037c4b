"""The lab's objects in the cluster: applied, and checked to be current."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lab.engine.kind import cluster, manifests
from lab.engine.kind.instance import AIRFLOW, PLATFORM, Instance

LIMIT = 60
WORKLOADS = {"deployment.apps/gitea", "deployment.apps/localstack", "statefulset.apps/postgres"}
TRIGGERS = "deployment.apps/triggers"


def apply(instance: Instance) -> None:
    """Apply namespaces, Secrets and the overlay's objects, without waiting for what they start.

    Raises:
        ProgramError: the cluster refused one; kubectl's last lines are the detail.
    """
    options = ("apply", "--server-side", "--force-conflicts")
    secrets = manifests.secret_objects(instance.access(), *instance.worker)
    # Claims before the pods that name them: the scheduler backs off for seconds when a pod's claim is unbound.
    volumes = instance.paths.source / "k8s" / "overlays" / "local" / "volumes.yaml"
    first = ("--field-manager=lab-secrets", "--filename=-", f"--filename={volumes}")
    instance.kubectl(*options, *first, text=secrets, limit=LIMIT)
    folder = manifests.write_kustomization(instance.access(), instance.references())
    instance.kubectl(*options, "--kustomize", str(folder), limit=LIMIT)
    stamp(instance).write_text(wanted(instance), "utf-8")


def are_applied(instance: Instance) -> bool:
    """Whether this cluster has them as they would be applied now."""
    if not stamp(instance).exists() or stamp(instance).read_text("utf-8") != wanted(instance):
        return False
    if instance.settings.triggers.on_push and TRIGGERS not in workloads(instance, AIRFLOW):
        return False
    return workloads(instance, PLATFORM) >= WORKLOADS


def workloads(instance: Instance, namespace: str) -> set[str]:
    """The deployments and stateful sets of a namespace, as `kind.group/name`."""
    kinds = ("get", "deployments,statefulsets", "--namespace", namespace, "--output", "name")
    return set(instance.kubectl(*kinds, check=False).stdout.split())


def stamp(instance: Instance) -> Path:
    return instance.run_files / "objects"


def wanted(instance: Instance) -> str:
    manifests.write_kustomization(instance.access(), instance.references())
    k8s = instance.paths.source / "k8s"
    files = [*sorted((k8s / "base").glob("*")), *sorted((k8s / "overlays" / "local").glob("*"))]
    generated = manifests.generated_folder(instance.paths) / "kustomization.yaml"
    secrets = manifests.secret_objects(instance.access(), *instance.worker)
    parts = [cluster.identity(instance), secrets, *(file.read_text("utf-8") for file in (*files, generated))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
