"""Airflow's Helm release: the chart and values of kind, with the overlay of EKS over them."""

from __future__ import annotations

import functools

from lab.chart import find_chart
from lab.config import AirflowSettings, Settings
from lab.engine.eks import manifests
from lab.engine.eks.resource import ABSENT, ForeignError, Resource, State
from lab.engine.kubernetes import release, rollout
from lab.engine.kubernetes.cluster import AIRFLOW, Cluster
from lab.engine.kubernetes.release import LABEL, LIMIT, RELEASE
from lab.engine.kubernetes.waiting import wait_for
from lab.engine.phases import Note
from lab.errors import ServiceError
from lab.services.airflow import API_SERVER, DAG_PROCESSOR, SCHEDULER
from lab.wait import NotYetError

READY_LIMIT = 900
"""Seconds until all of Airflow is ready: nodes pull the images first, and the database gets its tables."""


class EksRelease(Resource):
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
        found = release.installed(kube) if kube else None
        if kube is None or found is None:
            return ABSENT
        if LABEL not in found.labels:
            raise ForeignError(
                f"the Helm release {RELEASE} of the namespace {AIRFLOW} is there and is not the lab's",
                "the lab's Airflow wants that namespace for itself: use another cluster",
            )
        differs = found.differences(self.wanted())
        return State(True, tuple(differs or not_ready(kube)))

    def check(self) -> None:
        """Refuse values that the chart does not know, and a chart that is not available, before anything is changed."""
        self.wanted().check()

    def make(self, note: Note) -> None:
        kube = self.place.kube()
        assert kube is not None, "needed"  # noqa: S101
        self.look()
        # Its pod template is never to be changed, and a new image would.
        job = f"job/{RELEASE}-run-airflow-migrations"
        kube.kubectl("delete", job, "--namespace", AIRFLOW, "--ignore-not-found", "--wait")
        note("the official chart")
        release.install(kube, self.wanted())
        probe = functools.partial(require_ready, kube)
        hint = "make eks-up continues from here"
        wait_for(kube, probe, note, what="Airflow", namespace=AIRFLOW, limit=READY_LIMIT, hint=hint)

    def remove(self, note: Note) -> None:
        kube = self.place.kube()
        if kube is not None and self.look().exists:
            kube.helm("uninstall", RELEASE, "--namespace", AIRFLOW, "--wait", "--timeout=5m", limit=LIMIT + 60)

    def wanted(self) -> release.Release:
        settings = self.place.settings
        chart = find_chart(Settings(airflow=AirflowSettings(chart=settings.airflow.chart)))
        return release.Release(chart, manifests.values_files(settings, self.place.paths, self.place.folder))


def require_ready(cluster: Cluster) -> None:
    """Return if Airflow is rolled out; NotYetError or ServiceError otherwise."""
    rollout.require_done(cluster, API_SERVER, SCHEDULER, DAG_PROCESSOR)


def not_ready(cluster: Cluster) -> list[str]:
    """The first thing that is not rolled out."""
    try:
        require_ready(cluster)
    except NotYetError as error:
        return [str(error)]
    except ServiceError as error:
        return [error.message]
    return []
