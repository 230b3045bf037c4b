"""Which scenarios run, in which order, and what they need from the machine."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

from lab import ui
from lab.bench import machine
from lab.bench.figures import Results
from lab.bench.machine import Machine
from lab.bench.scenarios import (
    ending,
    kind,
    kind_identity,
    kind_memory,
    lineage,
    many,
    memory,
    modify,
    pandas_way,
    pipeline,
    startup,
)
from lab.bench.scratch import Scratch, exclusive, head, kind_lab, kind_variables, scratch_lab
from lab.config import load
from lab.docker import require_engine
from lab.engine import make
from lab.errors import HostError, SettingsError
from lab.host import INSTALL_DISK, MIB, RUN_DISK, disk, require_host, require_kind_host
from lab.paths import Paths

ON_LOCAL = (startup.COLD, startup.WARM, pipeline.RUN, pipeline.PLAIN, memory.MEMORY, many.MANY, lineage.LINEAGE)
ON_KIND = (kind.UP, kind.RUN, kind_memory.MEMORY, kind_identity.IDENTITY, many.KIND_MANY)
SCENARIOS = (*ON_LOCAL, modify.MODIFY, *ON_KIND)
PLAIN_DISK = 500 * MIB
LINEAGE_DISK = 1500 * MIB
"""A hundred versions of 10 MB, and what is read of them."""
KIND_DISK = 5000 * MIB
"""Both ways' programs and data; the usual way's node unpacks every image again, where Docker keeps its volumes."""


@dataclass(frozen=True)
class BenchPlan:
    """The request: scenarios, how often `lab run` is measured, and the size of the large CSV."""

    only: frozenset[str] = frozenset(SCENARIOS)
    runs: int = 5
    gigabytes: float = 1.0

    @property
    def needs_lab(self) -> bool:
        return bool(self.only & set(ON_LOCAL))

    @property
    def needs_kind(self) -> bool:
        return bool(self.only & set(ON_KIND))

    @property
    def needs_pandas(self) -> bool:
        return bool(self.only & {pipeline.PLAIN, modify.MODIFY})

    @property
    def disk(self) -> int:
        """Bytes below `.lab/bench/` at the peak: the cold start holds every package twice, pandas the CSV twice.

        A cluster is created after the local lab is removed.
        """
        lab = INSTALL_DISK * (2 if startup.COLD in self.only else 1) + RUN_DISK if self.needs_lab else 0
        large = round(2.2e9 * self.gigabytes) if modify.MODIFY in self.only else 0
        versions = LINEAGE_DISK if lineage.LINEAGE in self.only else 0
        local = lab + versions + large + (PLAIN_DISK if self.needs_pandas else 0)
        return max(local, KIND_DISK if self.needs_kind else 0)


def select(names: list[str]) -> frozenset[str]:
    """`["cold", "run"]`, or `["cold,run"]`, as a set.

    Raises:
        SettingsError: one of them is not a scenario, or there is none.
    """
    wanted = [name.strip() for text in names for name in text.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in SCENARIOS]
    if unknown or not wanted:
        problem = f"unknown scenario {', '.join(map(repr, unknown))}" if unknown else "no scenario is given"
        raise SettingsError(problem, f"scenarios are {', '.join(SCENARIOS)}")
    return frozenset(wanted)


def all_possible(paths: Paths) -> frozenset[str]:
    """All scenarios, except those of a cluster if this machine cannot run one at once; says which and why."""
    home = kind_home(paths)
    reason = make("kind", load(home / "lab.toml", kind_variables()), Paths(paths.source, home)).why_not_at_once()
    if not reason:
        return frozenset(SCENARIOS)
    ui.say(f"Left out: {', '.join(ON_KIND)} ({reason}). Name them to run them anyway.")
    return frozenset(SCENARIOS) - set(ON_KIND)


def kind_home(paths: Paths) -> Path:
    """Where the scratch lab on kind and the usual way's cluster have their files."""
    return paths.bench / "kind"


def bench(paths: Paths, plan: BenchPlan) -> tuple[Results, Machine]:
    """Run the plan's scenarios one after the other; nothing else of the lab is touched.

    Raises:
        LabError: a scenario failed, or the machine lacks something; the scratch lab has been ended.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what was started is ended
    commit = head(paths.source)
    require(paths, plan)
    described = machine.describe(commit[:10])
    ui.say(f"Bench on {described.line()}")
    results = Results()
    with exclusive(paths.bench):
        python = pandas_way.install(paths) if plan.needs_pandas else None
        if plan.needs_lab:
            with scratch_lab(paths.source, paths.bench, commit) as scratch:
                with_lab(scratch, plan, results, python)
        if modify.MODIFY in plan.only and python:
            results.add(modify.modify(paths.bench / "cache", plan.gigabytes, python))
        if plan.needs_kind:
            with kind_lab(paths.source, kind_home(paths), commit) as scratch:
                results.add(kind.compare(scratch, plan.only, plan.runs))
    return results, described


def with_lab(scratch: Scratch, plan: BenchPlan, results: Results, python: Path | None) -> None:
    """Everything that needs a lab, in an order in which nothing disturbs what follows."""
    if startup.COLD in plan.only:
        results.add(startup.cold(scratch))
    else:
        startup.prepare(scratch)
    if startup.WARM in plan.only:
        results.add(startup.warm(scratch))
    if plan.only & {pipeline.RUN, pipeline.PLAIN}:
        plain_python = python if pipeline.PLAIN in plan.only else None
        lab = pipeline.RUN in plan.only
        results.add(pipeline.compare(scratch, plan.runs, lab=lab, plain_python=plain_python))
    if memory.MEMORY in plan.only:
        results.add(memory.at_rest(scratch))
    if plan.only & {many.MANY, lineage.LINEAGE}:
        access = make("local", scratch.settings, Paths.of(scratch.checkout)).access()
        results.add(many.compare(access, many.MANY) if many.MANY in plan.only else [])
        results.add(lineage.read(scratch, access) if lineage.LINEAGE in plan.only else [])
    results.add(ending.verify(scratch))


def require(paths: Paths, plan: BenchPlan) -> None:
    """Refuse before anything is changed.

    Raises:
        HostError: disk or memory is short, or there is no container engine for a cluster.
    """
    check = disk(paths.source, plan.disk)
    if check.state == "fail":
        raise HostError(check.found, f"{check.hint}, or choose fewer scenarios (--only) or a smaller --gigabytes")
    require_host(paths, installs=False, starts=plan.needs_lab)
    if plan.needs_kind:
        require_engine()
        require_kind_host(paths, builds=False)
