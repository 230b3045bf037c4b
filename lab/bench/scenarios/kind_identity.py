"""How quickly pods on kind get AWS credentials under load: the agent of lab.pod_identity under load."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

from lab import ui
from lab.bench.figures import Figure, at_most, figure
from lab.engine.kind.instance import KindInstance
from lab.engine.kubernetes.cluster import AIRFLOW
from lab.errors import ServiceError
from lab.wait import NotYetError, wait_until

IDENTITY = "kind-identity"
PODS, PER_SECOND, SECONDS = 20, 50, 60
PERIOD = PODS / PER_SECOND
LEAD = 90
"""Seconds until all pods begin at once: twenty pods may take this long to start on two cores."""
LIMIT = LEAD + SECONDS + 120
NAME = "bench-identity"
SCRIPT = Path(__file__).with_name("asker.py")


def ask(instance: KindInstance) -> list[Figure]:
    """Have PODS pods ask PER_SECOND times a second for SECONDS, in a cluster that is up.

    Raises:
        ServiceError: a pod failed, or began too late to count.
    """
    place = ("--namespace", AIRFLOW)
    with ui.step(f"{PODS} pods ask for credentials", LIMIT):
        try:
            instance.kube.kubectl("apply", "--filename=-", text=json.dumps(job(instance)))
            wait_until(lambda: require_complete(instance), what=f"the job {NAME}", limit=LIMIT, pause=2)
            tail = ("--tail=1", f"--max-log-requests={PODS}")
            output = instance.kube.kubectl("logs", *place, f"--selector=job-name={NAME}", *tail).stdout
        finally:
            instance.kube.kubectl(
                "delete", "job", NAME, *place, "--ignore-not-found", "--cascade=foreground", limit=120
            )
    samples = [json.loads(line) for line in output.splitlines()]
    if len(samples) != PODS or any(sample["late"] for sample in samples):
        raise ServiceError("not all pods began in time", "try again when nothing else needs this machine")
    return figures([sample["answers"] for sample in samples])


def figures(pods: list[list[tuple[int, float]]]) -> list[Figure]:
    fresh = [answers[0][1] for answers in pods]
    cached = [milliseconds for answers in pods for _, milliseconds in answers[1:]]
    lost = sum(status != 200 for answers in pods for status, _ in answers)
    note = f"{PODS} pods, {PER_SECOND} requests a second for {SECONDS} s"
    return [
        *figure(IDENTITY, "credentials from the agent's cache, p99", "ms", [p99(cached)], goal=at_most(50), note=note),
        *figure(IDENTITY, "  half of them", "ms", [statistics.median(cached)]),
        *figure(IDENTITY, "credentials made again, p99", "ms", [p99(fresh)], goal=at_most(500)),
        *figure(IDENTITY, "requests without credentials", "", [lost], goal=at_most(0)),
    ]


def p99(values: list[float]) -> float:
    """The smallest value that 99 of 100 do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def require_complete(instance: KindInstance) -> None:
    found = json.loads(instance.kube.kubectl("get", "job", NAME, "--namespace", AIRFLOW, "--output", "json").stdout)
    status = found.get("status", {})
    if status.get("failed"):
        raise ServiceError("a pod that requested credentials failed", "make lab-status")
    if status.get("succeeded", 0) < PODS:
        raise NotYetError(f"{status.get('ready', 0)} of {PODS} pods run")


def job(instance: KindInstance) -> dict[str, Any]:
    variables = {"START": time.time() + LEAD, "PERIOD": PERIOD, "SECONDS": SECONDS, "APART": PERIOD / PODS}
    container = {
        "name": "asker",
        "image": instance.images.reference("worker"),
        "command": ["python", "-c", SCRIPT.read_text("utf-8")],
        "env": [{"name": name, "value": str(value)} for name, value in variables.items()],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod = {
        "serviceAccountName": "airflow-dvc-sa",
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": NAME, "namespace": AIRFLOW},
        "spec": {
            "completionMode": "Indexed",
            "completions": PODS,
            "parallelism": PODS,
            "backoffLimit": 0,
            "template": {"spec": pod},
        },
    }
