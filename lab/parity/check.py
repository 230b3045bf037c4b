"""Renders both places, compares them, and matches the differences with the list of allowed ones."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.engine.eks.settings import load
from lab.parity import allowed
from lab.parity.allowed import Reason
from lab.parity.compare import PlaceDifference, differences
from lab.parity.places import WAYS, Eks, Kind, Tools, sample
from lab.parity.render import Object
from lab.paths import Paths
from lab.proc import run, service_environment

LIMIT = 120
STEP_PODS = Path(__file__).with_name("step_pods.py")
Pair = tuple[list[Object], list[Object]]


@dataclass(frozen=True)
class ParityReport:
    """Every difference with the reason that allows it, or None; and the patterns of the list that match none."""

    differences: list[tuple[PlaceDifference, str | None]]
    unused: list[str]

    @property
    def faults(self) -> list[PlaceDifference]:
        return [each for each, reason in self.differences if reason is None]


def check(paths: Paths, tools: Tools, settings_file: Path | None) -> ParityReport:
    """Compare the two places of the checkout; EKS with the settings in a file, or else with those of the sample.

    Raises:
        LabError: the check itself could not be made: settings are wrong, a program failed.
    """
    with tempfile.TemporaryDirectory(prefix="lab-parity-") as folder:
        own = Paths(paths.source, Path(folder))
        wanted = [load(settings_file)] if settings_file else sample(paths.source)
        pairs = rendered(paths, Kind(own, tools), [Eks(own, tools, each) for each in wanted])
    found = sorted({difference for pair in pairs for difference in differences(*pair)})
    return explained(found, allowed.read(paths.source / allowed.FILE))


def rendered(paths: Paths, kind: Kind, variants: Sequence[Eks]) -> list[Pair]:
    """The pairs to compare: manifests and step pods of each variant of EKS, Airflow of the first one."""
    with ThreadPoolExecutor() as pool:
        airflow = [(pool.submit(kind.airflow, way), pool.submit(variants[0].airflow, way)) for way in WAYS]
        environments = [kind.environment(), *(each.environment() for each in variants)]
        steps = pool.submit(step_objects, paths, environments)
        base = pool.submit(kind.manifests)
        manifests = [pool.submit(each.manifests) for each in variants]
        pairs = [(one.result(), other.result()) for one, other in airflow]
        pairs += [(base.result(), each.result()) for each in manifests]
        first, *others = steps.result()
        return [*pairs, *((first, each) for each in others)]


def explained(found: Sequence[PlaceDifference], reasons: Sequence[Reason]) -> ParityReport:
    """Each difference with the first reason that covers it."""

    def why(difference: PlaceDifference) -> str | None:
        return next((r.reason for r in reasons if any(fields.covers(difference) for fields in r.differences)), None)

    unused = [pattern for each in reasons for fields in each.differences for pattern in fields.unused(found)]
    return ParityReport([(each, why(each)) for each in found], unused)


def step_objects(paths: Paths, environments: Sequence[Mapping[str, str]]) -> list[list[Object]]:
    """The DAG and its step pods in each environment, as Airflow itself makes them from `dags/`."""
    own = {
        "AIRFLOW_HOME": str(paths.temporary / "parity"),
        "HOME": str(paths.user_home),
        "PYTHONPYCACHEPREFIX": str(paths.cache / "bytecode"),
    }
    command: list[str | Path] = [paths.program("airflow", "python"), STEP_PODS, paths.source / "dags"]
    done = run(command, env=service_environment(own), text=json.dumps(environments), limit=LIMIT)
    return [as_objects(found) for found in json.loads(done.stdout.splitlines()[-1])]


def as_objects(found: Mapping[str, Any]) -> list[Object]:
    dag = {"kind": "DAG", "metadata": {"name": found["dag"]["dag_id"]}, "spec": found["dag"]}
    pods = [{**pod, "metadata": {**pod["metadata"], "name": task}} for task, pod in found["pods"].items()]
    return [dag, *pods]
