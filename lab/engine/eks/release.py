"""Airflow's Helm release: the chart and values of kind, with the overlay of EKS over them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from lab.chart import find_chart
from lab.config import AirflowSettings, Settings
from lab.engine.eks import manifests
from lab.engine.eks.kube import Kube
from lab.engine.eks.resource import ABSENT, ForeignError, Resource, State
from lab.engine.kubernetes.identities import NAMESPACE
from lab.engine.phases import Note
from lab.errors import ProgramError, ServiceError
from lab.helm_values import check_values

RELEASE = "airflow"
LABEL = "mlops-lab"
"""A label of the Helm release; its value is a digest of what it was installed from."""
LIMIT = 300
READY_LIMIT = 900
"""Seconds until all of Airflow is ready: nodes pull the images first, and the database gets its tables."""
DEPLOYMENTS = ("api-server", "scheduler", "dag-processor")


class Release(Resource):
    """The same inputs have the same label, so that a current release is recognized from any machine."""

    key = "airflow"
    limit = LIMIT + READY_LIMIT
    needs = ("secrets", "association", "bucket")

    @property
    def name(self) -> str:
        return f"Helm release {RELEASE}"

    @property
    def title(self) -> str:
        return "Installing Airflow's chart"

    def look(self) -> State:
        kube = self.place.kube()
        labels = newest(kube) if kube else None
        if kube is None or labels is None:
            return ABSENT
        if LABEL not in labels:
            raise ForeignError(
                f"the Helm release {RELEASE} of the namespace {NAMESPACE} is there and is not the lab's",
                "the lab's Airflow wants that namespace for itself: use another cluster",
            )
        differs = [] if labels[LABEL] == self.wanted() else ["chart or values differ"]
        if labels.get("status") != "deployed":
            differs.append(f"is {labels.get('status')}")
        elif not differs:
            differs += not_ready(kube)
        return State(True, tuple(differs))

    def check(self) -> None:
        """Refuse values that the chart does not know, and a chart that is not available, before anything is changed."""
        check_values(self.chart(), self.files())

    def make(self, note: Note) -> None:
        kube = self.place.kube()
        assert kube is not None, "needed"  # noqa: S101
        self.look()
        # Its pod template is never to be changed, and a new image would.
        job = f"job/{RELEASE}-run-airflow-migrations"
        kube.kubectl("delete", job, "--namespace", NAMESPACE, "--ignore-not-found", "--wait")
        note("the official chart")
        values = [f"--values={file}" for file in self.files()]
        place = ("--namespace", NAMESPACE, "--labels", f"{LABEL}={self.wanted()}")
        kube.helm("upgrade", "--install", RELEASE, str(self.chart()), *place, *values, limit=LIMIT)
        for name in DEPLOYMENTS:
            note(f"waiting for {name}")
            wait_for(kube, name)

    def remove(self, note: Note) -> None:
        kube = self.place.kube()
        if kube is not None and self.look().exists:
            kube.helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout=5m", limit=LIMIT + 60)

    def wanted(self) -> str:
        digest = hashlib.sha256()
        for file in (self.chart(), *self.files()):
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()[:12]

    def files(self) -> list[Path]:
        return manifests.values_files(self.place.settings, self.place.paths, self.place.folder)

    def chart(self) -> Path:
        return find_chart(Settings(airflow=AirflowSettings(chart=self.place.settings.airflow.chart)))


def newest(kube: Kube) -> dict[str, str] | None:
    """The labels of the newest revision, as Helm keeps them with its Secrets (`helm upgrade --labels`), or None."""
    which = ("--namespace", NAMESPACE, "--selector", f"owner=helm,name={RELEASE}")
    # Labels only: the content of the Secrets is large, and not needed here.
    labels = 'jsonpath={range .items[*]}{.metadata.labels}{"\\n"}{end}'
    lines = kube.kubectl("get", "secrets", *which, "--output", labels).stdout.split("\n")
    revisions: list[dict[str, str]] = [json.loads(line) for line in lines if line.strip()]
    return max(revisions, key=lambda each: int(each.get("version", 0)), default=None)


def not_ready(kube: Kube) -> list[str]:
    """The problems of deployments that are missing or not ready."""
    answer = kube.kubectl("get", "deployments", "--namespace", NAMESPACE, "--output", "json")
    found = {item["metadata"]["name"]: item for item in json.loads(answer.stdout)["items"]}
    problems = []
    for name in (f"{RELEASE}-{part}" for part in DEPLOYMENTS):
        item = found.get(name)
        if item is None:
            problems.append(f"lacks {name}")
        elif item.get("status", {}).get("readyReplicas", 0) < item["spec"]["replicas"]:
            problems.append(f"{name} is not ready")
    return problems


def wait_for(kube: Kube, name: str) -> None:
    """Wait until the deployment is ready.

    Raises:
        ServiceError: it is not within READY_LIMIT; the detail says why its pods are not.
    """
    place = ("--namespace", NAMESPACE)
    try:
        limit = f"--timeout={READY_LIMIT}s"
        kube.kubectl("rollout", "status", f"deployment/{RELEASE}-{name}", *place, limit, limit=READY_LIMIT + 30)
    except ProgramError as error:
        events = kube.kubectl("get", "events", *place, "--field-selector", "type=Warning", check=False).stdout
        last = "\n".join(events.splitlines()[-8:])
        raise ServiceError(f"Airflow's {name} is not ready: {error.message}", "make eks-up continues", last) from error
