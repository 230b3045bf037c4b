"""What the cluster holds before Airflow: namespace, service account, storage class, shared volume, environment."""

from __future__ import annotations

import json
import re
from typing import Any

from lab.engine.airflow_secrets import LABELS
from lab.engine.eks import manifests
from lab.engine.eks.kube import Kube
from lab.engine.eks.resource import ABSENT, ForeignError, Resource, State
from lab.engine.kubernetes.identities import NAMESPACE
from lab.engine.phases import Note
from lab.errors import ProgramError
from lab.wait import NotYetError, wait_until

CLASSES = ("mlops-lab-gp3", "mlops-lab-efs")
CHANGED = re.compile(r"^diff .*/(?:[a-z0-9.-]+\.)?v\d\w*\.(?P<kind>[A-Z]\w*)\.[a-z0-9-]*\.(?P<name>\S+)$", re.MULTILINE)
DELETE_LIMIT = 600


class Storage(Resource):
    """Compared by the API server itself (`kubectl diff`), so that its defaults are no differences."""

    key = "storage"
    limit = 120
    needs = ("cluster",)

    @property
    def name(self) -> str:
        return f"namespace {NAMESPACE}, {'mlops-lab-efs' if self.is_efs else 'mlops-lab-gp3'}"

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
        found = kube.kubectl("diff", "--server-side", "--force-conflicts", "--kustomize", self.folder(), check=False)
        if found.status > 1:
            raise ProgramError("kubectl diff failed", "docs/eks.md", found.stderr[-2000:])
        changed = [f"{match['kind']} {match['name']}" for match in CHANGED.finditer(found.stdout)]
        return State(True, tuple(changed or ["objects differ"]) if found.status else ())

    def make(self, note: Note) -> None:
        kube = self.place.kube()
        assert kube is not None, "needed"  # noqa: S101
        has_namespace(kube)
        kube.kubectl("apply", "--server-side", "--force-conflicts", "--kustomize", self.folder(), limit=self.limit)

    def folder(self) -> str:
        return str(manifests.write(self.place.settings, self.place.paths, self.place.folder))

    def remove(self, note: Note) -> None:
        """The claim is removed with the namespace, and its volume must be gone before the cluster, which deletes it."""
        kube = self.place.kube()
        if kube is None or not has_namespace(kube):
            return
        note("the namespace with all that is in it")
        wait = ("--ignore-not-found", "--wait", f"--timeout={DELETE_LIMIT}s")
        kube.kubectl("delete", "namespace", NAMESPACE, *wait, limit=DELETE_LIMIT + 30)
        note("its volume")
        wait_until(lambda: no_volumes(kube), what="the end of the shared volume", limit=DELETE_LIMIT, pause=3)
        for name in CLASSES:
            kube.kubectl("delete", "storageclass", "--ignore-not-found", name)


def has_namespace(kube: Kube) -> bool:
    """Whether the lab's namespace is there.

    Raises:
        ForeignError: one of that name exists and is not the lab's.
    """
    answer = kube.kubectl("get", "namespace", NAMESPACE, "--ignore-not-found", "--output", "json")
    if not answer.stdout.strip():
        return False
    require_labels(f"namespace {NAMESPACE}", json.loads(answer.stdout))
    return True


def require_labels(what: str, found: dict[str, Any]) -> None:
    labels = found["metadata"].get("labels") or {}
    if not LABELS.items() <= labels.items():
        raise ForeignError(
            f"the {what} of the cluster is there and is not the lab's (label {next(iter(LABELS))})",
            "the lab's DAGs want that namespace for themselves: use another cluster",
        )


def no_volumes(kube: Kube) -> None:
    """Raise NotYetError while a volume of the lab's classes exists."""
    listed = json.loads(kube.kubectl("get", "persistentvolumes", "--output", "json").stdout)
    left = [v["metadata"]["name"] for v in listed["items"] if v["spec"].get("storageClassName") in CLASSES]
    if left:
        raise NotYetError(f"{', '.join(left)} is there still")
