"""The state of the lab on EKS: Airflow in the cluster, the Git host and the bucket; and every resource's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lab.engine import health
from lab.engine.base import ServiceStatus, Status
from lab.engine.eks.access import EksAccess
from lab.engine.eks.plan import CHANGE, KEEP, MAKE, plan_up
from lab.engine.kubernetes import overlay, report
from lab.errors import LabError, NotRunningError
from lab.host import Check
from lab.services import CLUSTER
from lab.services.airflow import API_SERVER
from lab.services.git import GIT
from lab.services.storage import LOCALSTACK

if TYPE_CHECKING:
    from lab.engine.eks.engine import EksEngine

OUTSIDE = {"repository": GIT, "s3": LOCALSTACK}
"""The services outside of the cluster, and their names in lab/services."""


def status(engine: EksEngine) -> Status:
    """See lab.engine.base.Engine.status. AWS or a cluster that refuses to be asked is an error."""
    engine.instance.cloud.require_account()
    found = engine.instance.cluster()
    if found is None:
        return Status(engine.name, "down", [])
    if found["status"] == "CREATING":
        return Status(engine.name, "starting", [ServiceStatus("cluster", "starting", "it is being created")])
    try:
        cluster, access = engine.require_cluster(), engine.access()
    except NotRunningError:
        return Status(engine.name, "down", [])
    services = [
        *outside(access),
        *report.services(cluster, access, overlay.airflow_places(), {}),
    ]
    answers = any(service.name == API_SERVER and service.state == "healthy" for service in services)
    faults = health.import_errors(access) if answers else []
    urls = {"repository": access.repository_url, "s3": access.remote_url}
    if page := engine.instance.settings.airflow.url:
        urls["airflow"] = page
    return Status(engine.name, report.state_of(services), services, urls, import_errors=faults)


def outside(access: EksAccess) -> Iterator[ServiceStatus]:
    urls = {"repository": access.repository_url, "s3": access.remote_url}
    for name, asked in OUTSIDE.items():
        reason = health.trouble(access, asked, CLUSTER)
        yield ServiceStatus(name, "degraded" if reason else "healthy", reason, urls[name])


def diagnose(engine: EksEngine) -> list[Check]:
    """See lab.engine.base.Engine.diagnose: each resource, then each service."""
    try:
        found = [Check("AWS account", "ok", engine.instance.cloud.require_account())]
    except LabError as error:
        return [Check("AWS account", "fail", error.message, error.hint)]
    states = {KEEP: "ok", MAKE: "fail", CHANGE: "fail"}
    for step in plan_up(engine.instance).steps:
        state = states.get(step.action, "fail") if step.checked else "warn"
        words = step.why or {KEEP: "as it is to be", MAKE: "missing"}.get(step.action, step.action)
        found.append(Check(f"{step.resource} {step.name}", state, words, "make eks-up repairs it"))
    return [*found, *report.service_checks(status(engine), " ENGINE=eks")]
