"""What the cluster holds before Airflow: namespace, service account, storage class, shared volume, environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.engine.airflow_secrets import LABELS
from lab.engine.eks import manifests
from lab.engine.eks.resource import ABSENT, ForeignError, Resource, State
from lab.engine.kubernetes import objects
from lab.engine.kubernetes.cluster import AIRFLOW, Cluster
from lab.engine.phases import Note
from lab.wait import NotYetError, wait_until

CLASSES = ("mlops-lab-gp3", "mlops-lab-efs")
DELETE_LIMIT = 600


class Storage(Resource):
    """Compared by the API server itself (`kubectl diff`), so that its defaults are no differences."""

    key = "storage"
    limit = 120
    needs = ("cluster",)

    @property
    def name(self) -> str:
        return f"namespace {AIRFLOW}, {'mlops-lab-efs' if self.is_efs else 'mlops-lab-gp3'}"

    @property
    def title(self) -> str:
        return "Applying namespace, storage class and volume"

    @property
    def is_efs(self) -> bool:
        return self.place.settings.storage.volume == "efs"

    def look(self) -> State:
        kube = self.place.kube()
        if kube is None or not has_namespace(kube):
            return ABSENT
        with objects.temporary_folder() as folder:
            return State(True, tuple(objects.differences(kube, folder, self.rendered(folder))))

    def make(self, note: Note) -> None:
        kube = self.place.kube()
        assert kube is not None, "needed"  # noqa: S101
        has_namespace(kube)
        folder = self.place.folder / "manifests"
        objects.apply_files(kube, folder, self.rendered(folder))

    def rendered(self, folder: Path) -> dict[str, str]:
        return manifests.rendered(self.place.settings, self.place.paths, folder)

    def remove(self, note: Note) -> None:
        """The claim is removed with the namespace, and its volume must be gone before the cluster, which deletes it."""
        kube = self.place.kube()
        if kube is None or not has_namespace(kube):
            return
        note("the namespace with all that is in it")
        wait = ("--ignore-not-found", "--wait", f"--timeout={DELETE_LIMIT}s")
        kube.kubectl("delete", "namespace", AIRFLOW, *wait, limit=DELETE_LIMIT + 30)
        note("its volume")
        wait_until(lambda: no_volumes(kube), what="the end of the shared volume", limit=DELETE_LIMIT, pause=3)
        for name in CLASSES:
            kube.kubectl("delete", "storageclass", "--ignore-not-found", name)


def has_namespace(kube: Cluster) -> bool:
    """Whether the lab's namespace is there.

    Raises:
        ForeignError: one of that name exists and is not the lab's.
    """
    answer = kube.kubectl("get", "namespace", AIRFLOW, "--ignore-not-found", "--output", "json")
    if not answer.stdout.strip():
        return False
    require_labels(f"namespace {AIRFLOW}", json.loads(answer.stdout))
    return True


def require_labels(what: str, found: dict[str, Any]) -> None:
    labels = found["metadata"].get("labels") or {}
    if not LABELS.items() <= labels.items():
        raise ForeignError(
            f"the {what} of the cluster is there and is not the lab's (label {next(iter(LABELS))})",
            "the lab's DAGs want that namespace for themselves: use another cluster",
        )


def no_volumes(kube: Cluster) -> None:
    """Raise NotYetError while a volume of the lab's classes exists."""
    listed = json.loads(kube.kubectl("get", "persistentvolumes", "--output", "json").stdout)
    left = [v["metadata"]["name"] for v in listed["items"] if v["spec"].get("storageClassName") in CLASSES]
    if left:
        raise NotYetError(f"{', '.join(left)} is there still")
