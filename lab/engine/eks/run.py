"""`lab eks run`: starts the DAG by Airflow's REST API, through the cluster, and follows it as on every other engine."""

from __future__ import annotations

from typing import Any

from lab.engine.eks.access import access
from lab.engine.eks.place import Place
from lab.engine.kubernetes.cluster import AIRFLOW
from lab.engine.kubernetes.forward import forwarded
from lab.errors import NotRunningError
from lab.lineage.start import Result, run_pipeline

SERVICE, PORT = "airflow-api-server", 8080
"""The chart's name for it."""


def run(place: Place, parameters: dict[str, Any], limit: float) -> Result:
    """Run the pipeline once.

    Raises:
        NotRunningError: there is no cluster, or no Airflow of the lab's in it.
        LabError: as lab.lineage.start.run_pipeline.
    """
    place.cloud.require_account()
    kube = place.kube()
    if kube is None:
        raise NotRunningError(f"the cluster {place.settings.cluster.name} is not up", "make eks-up")
    there = access(place)
    if "airflow-password" not in there.known:
        raise NotRunningError("the cluster has no Airflow of the lab's", "make eks-up")
    there.paths.user_home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with forwarded(kube, SERVICE, AIRFLOW, PORT) as url:
        return run_pipeline(access(place, url), parameters, limit)
