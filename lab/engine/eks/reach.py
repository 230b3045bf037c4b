"""Airflow's REST API on EKS, reached through the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.engine.eks.access import EksAccess, access
from lab.engine.eks.place import Place
from lab.engine.kubernetes.cluster import AIRFLOW
from lab.engine.kubernetes.forward import forwarded
from lab.errors import NotRunningError

SERVICE, PORT = "airflow-api-server", 8080
"""The chart's name for it."""


@contextmanager
def reached(place: Place) -> Iterator[EksAccess]:
    """The lab on EKS, with Airflow's API forwarded to a port of this machine while the block runs.

    Raises:
        NotRunningError: there is no cluster, or no Airflow of the lab's in it.
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
        yield access(place, url)
