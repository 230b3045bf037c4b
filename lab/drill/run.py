"""A drill from start to end: the branch, the rounds, the checks, and the restart of all services."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from lab import ui
from lab.access import Access
from lab.drill import branch as branches
from lab.drill.check import PromiseCheck, check
from lab.drill.injector import FaultInjector
from lab.drill.outcome import Outcome
from lab.drill.plan import Round
from lab.drill.rounds import Drill
from lab.drill.under_way import under_way

CHECK_LIMIT = 3600


@dataclass(frozen=True)
class DrillReport:
    """The result of a drill. `kept` is whether the branch is still there."""

    seed: int
    branch: str
    usual: dict[str, float]
    outcomes: list[Outcome]
    checks: list[PromiseCheck]
    kept: bool

    @property
    def broken(self) -> list[PromiseCheck]:
        return [each for each in self.checks if each.problems]


def run(
    access: Access, injector: FaultInjector, planned: list[Round], seed: int, *, at_once: int, keep: bool
) -> DrillReport:
    """Play the plan on a separate branch, and check the result.

    The branch is kept if that is requested, if a promise broke or a run failed, and if the drill is interrupted.
    """
    name = f"drill-{seed}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    outcomes: list[Outcome] = []
    start = branches.make(access, name)
    ui.say(f"Branch {name}; {len(planned)} rounds of seed {seed}, after one without a fault")
    with ui.live_list() as shown, under_way(access.paths, injector):
        drill = Drill(access, injector, name, shown)
        try:
            drill.play(planned, seed, at_once, outcomes.append)
        except BaseException:
            ui.say(f"Interrupted after {ui.counted(len(outcomes), 'run')}; the branch {name} is kept.")
            if left := [each.number for each in planned if each not in [outcome.round for outcome in outcomes]]:
                ui.say(f"Next:  the same drill from its round {left[0]}: make drill FIRST={left[0]}")
            raise
    outcomes.sort(key=lambda each: each.round.number)
    with ui.step("Checking", CHECK_LIMIT) as shown:
        checks = check(access, injector, name, start, outcomes, note=lambda text: shown.note("", text))
    whole = all(not each.problems for each in checks) and all(each.state == "success" for each in outcomes)
    if whole and not keep:
        with ui.step("Removing the branch, and the objects of its versions", CHECK_LIMIT):
            branches.remove(access, name)
    return DrillReport(seed, name, drill.usual, outcomes, checks, not whole or keep)
