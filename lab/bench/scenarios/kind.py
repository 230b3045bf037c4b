"""The lab on kind, compared with the usual way to such a cluster: in turns, each alone on the machine, with no data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from lab.bench import usual_runs
from lab.bench.figures import Figure, at_least, at_most, each, figure, ratio
from lab.bench.scenarios import ending, kind_identity, kind_memory, many
from lab.bench.scenarios.kind_identity import IDENTITY
from lab.bench.scenarios.kind_memory import MEMORY
from lab.bench.scenarios.many import KIND_MANY
from lab.bench.scratch import Scratch
from lab.bench.usual import UsualWay, usual_way
from lab.engine.kind.instance import KindInstance
from lab.paths import Paths

UP, RUN = "kind-up", "kind-run"
ROUNDS = 2
PREPARE_LIMIT = 3600
IDLE = 2
"""How often a round measures `lab up` when there is nothing to do."""


@dataclass
class UpSamples:
    """The results of one way's rounds, in order."""

    ups: list[float] = field(default_factory=list)
    phases: list[dict[str, float]] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    runs: list[float] = field(default_factory=list)
    tasks: list[dict[str, float]] = field(default_factory=list)

    def came_up(self, measured: tuple[float, dict[str, float]]) -> None:
        self.ups.append(measured[0])
        self.phases.append(measured[1])

    def ran(self, seconds: float, tasks: dict[str, float]) -> None:
        self.runs.append(seconds)
        self.tasks.append(tasks)


@dataclass(frozen=True)
class UpRound:
    """One cluster of each way, the usual one first; memory, identity and versions are measured in the last round."""

    number: int
    rounds: int
    runs: int
    memory: bool
    identity: bool
    many: bool = False

    @property
    def position(self) -> str:
        return f"{self.number} of {self.rounds}"

    @property
    def last(self) -> bool:
        return self.number == self.rounds

    def counted(self, number: int) -> str:
        return f"{number} of {self.runs}, round {self.position}" if number else "not counted"


def rounds_of(only: frozenset[str], runs: int) -> list[UpRound]:
    """The rounds that give every requested figure; `runs` is the minimum number of runs in all."""
    count = ROUNDS if only & {UP, RUN} else 1
    each_round = math.ceil(runs / count) if RUN in only else 0
    return [
        UpRound(number, count, each_round, MEMORY in only, IDENTITY in only, KIND_MANY in only)
        for number in range(1, count + 1)
    ]


def compare(scratch: Scratch, only: frozenset[str], runs: int) -> list[Figure]:
    """Bring up both ways in turns, and measure in each what is requested."""
    scratch.clone()
    scratch.lab("Getting programs and images (not measured)", "install", limit=PREPARE_LIMIT)
    usual, lab = UpSamples(), UpSamples()
    others: list[Figure] = []
    with usual_way(scratch.checkout, scratch.folder / "usual", scratch.settings) as way:
        for this in rounds_of(only, runs):
            others += usual_round(way, this, usual)
            others += lab_round(scratch, this, lab)
    return [
        *(up_figures(usual, lab) if UP in only else []),
        *(run_figures(usual, lab) if RUN in only else []),
        *others,
    ]


def usual_round(way: UsualWay, this: UpRound, samples: UpSamples) -> list[Figure]:
    samples.came_up(way.up(f"The usual way to a cluster ({this.position})"))
    if this.runs:
        usual_runs.publish(way.access)
    for number in range(this.runs + 1 if this.runs else 0):
        measured = usual_runs.run(way.access, f"The plain DAG ({this.counted(number)})")
        if number:
            samples.ran(*measured)
    memory = this.memory and this.last
    found = kind_memory.at_rest(way.instance, "the usual way's cluster, at rest") if memory else []
    way.remove()
    return found


def lab_round(scratch: Scratch, this: UpRound, samples: UpSamples) -> list[Figure]:
    samples.came_up(scratch.up(f"lab up, images at hand ({this.position})"))
    for number in range(this.runs + 1 if this.runs else 0):
        _, result = scratch.lab_json(f"lab run ({this.counted(number)})", "run")
        if number:
            samples.ran(result["seconds"], result["task_seconds"])
    samples.idle += [scratch.up(f"lab up, up already ({number} of {IDLE})")[0] for number in range(1, IDLE + 1)]
    found = []
    instance = KindInstance(Paths.of(scratch.checkout), scratch.settings)
    if this.memory and this.last:
        found = kind_memory.at_rest(instance, "cluster on kind, at rest", goal=at_most(kind_memory.GOAL))
    if this.identity and this.last:
        found += kind_identity.ask(instance)
    if this.many and this.last:
        found += many.compare(instance.access(), KIND_MANY)
    if this.last:
        found += ending.verify(scratch, " on kind")
    scratch.down("lab down", "--purge")
    return found


def up_figures(usual: UpSamples, lab: UpSamples) -> list[Figure]:
    return [
        *figure(UP, "lab-up on kind, images at hand", "s", lab.ups, note="repository, dataset and DAG included"),
        *each(UP, "  phase", "s", lab.phases),
        *figure(UP, "the usual way: kind, kind load, kubectl, helm --wait", "s", usual.ups),
        *each(UP, "  step", "s", usual.phases),
        *ratio(UP, "usual way : lab-up, images at hand", usual.ups, lab.ups, goal=at_least(3)),
        *figure(UP, "lab-up on kind, lab up already", "s", lab.idle, goal=at_most(5)),
    ]


def run_figures(usual: UpSamples, lab: UpSamples) -> list[Figure]:
    return [
        *figure(RUN, "lab-run on kind, trigger to new version, 10 MB", "s", lab.runs),
        *each(RUN, "  task", "s", lab.tasks),
        *figure(RUN, "a plain DAG of three pods, trigger to its end, 10 MB", "s", usual.runs),
        *each(RUN, "  task", "s", usual.tasks),
        *ratio(RUN, "plain DAG : lab-run on kind", usual.runs, lab.runs, goal=at_least(2.5)),
    ]
