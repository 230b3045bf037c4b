"""Renders both places, compares them, and sets the list of allowed differences against what was found."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.parity import allowed
from lab.parity.allowed import Allowed
from lab.parity.compare import Difference, differences
from lab.parity.places import EKS, KIND, WAYS, Renderer, Tools
from lab.parity.render import Object
from lab.paths import Paths
from lab.proc import run, service_environment

LIMIT = 120
STEP_PODS = Path(__file__).with_name("step_pods.py")


@dataclass(frozen=True)
class Report:
    """Every difference with the reason why it may be, or None; the patterns of the list that nothing answers to."""

    differences: list[tuple[Difference, str | None]]
    unused: list[str]
    objects: int

    @property
    def faults(self) -> list[Difference]:
        return [each for each, reason in self.differences if reason is None]


def check(paths: Paths, tools: Tools, settings_file: Path | None, note: Callable[[str], None]) -> Report:
    """Compare the two places of the checkout; with a file of settings for EKS, or else with those of the sample."""
    with tempfile.TemporaryDirectory(prefix="lab-parity-") as folder, ThreadPoolExecutor() as pool:
        renderer = Renderer(paths.source, Path(folder), tools, settings_file)
        note("manifests, Airflow's chart and the DAG's pods for both places")
        pods = pool.submit(step_objects, paths, renderer.environments())
        rendered = renderer.objects()
        steps = pods.result()
    both: set[Difference] = set()
    for way in WAYS:
        sides = [[*rendered[place][""], *rendered[place][way], *steps[place]] for place in (KIND, EKS)]
        both |= set(differences(*sides))
    count = max(sum(len(found) for found in (*rendered[place].values(), steps[place])) for place in (KIND, EKS))
    return judge(sorted(both), allowed.read(paths.source / allowed.FILE), count)


def judge(found: Sequence[Difference], entries: Sequence[Allowed], objects: int) -> Report:
    """Each difference with the reason of the first entry that covers it."""
    reasons = [(each, next((entry.reason for entry in entries if entry.covers(each)), None)) for each in found]
    unused = [f"{entry.reason}: {pattern or '(the object)'}" for entry in entries for pattern in entry.unused(found)]
    return Report(reasons, unused, objects)


def step_objects(paths: Paths, environments: dict[str, dict[str, str]]) -> dict[str, list[Object]]:
    """The DAG and its step pods in each place, as Airflow itself makes them from `dags/`."""
    variables = service_environment(
        {
            "AIRFLOW_HOME": str(paths.temporary / "parity"),
            "HOME": str(paths.temporary),
            "PYTHONPYCACHEPREFIX": str(paths.cache / "bytecode"),
        }
    )
    command: list[str | Path] = [paths.program("airflow", "python"), STEP_PODS]
    done = run(command, env=variables, text=json.dumps(environments), limit=LIMIT)
    made: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {place: as_objects(found) for place, found in made.items()}


def as_objects(found: dict[str, Any]) -> list[Object]:
    dag = {"kind": "DAG", "metadata": {"name": found["dag"]["dag_id"]}, "spec": found["dag"]}
    pods = [{**pod, "metadata": {**pod["metadata"], "name": task}} for task, pod in found["pods"].items()]
    return [dag, *pods]
