"""`lab up` as a list of phases: each checks, applies and verifies, has a limit and is timed.

A phase is skipped if its check finds nothing to do, so a second run changes nothing and a run after a crash continues
where the first one stopped. Phases run as soon as what they need is done, in parallel where that helps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lab.errors import LabError
from lab.graph import run_graph
from lab.ui import LiveList

Note = Callable[[str], None]


@dataclass(frozen=True)
class Phase:
    """One step of bringing the lab up.

    `done` says whether there is nothing to do; it must be quick and change nothing. `apply` does it and returns only
    when the result has been verified, within `limit` seconds; it reports progress through its argument, and can be
    interrupted at any instruction and run again.
    """

    name: str
    title: str
    limit: float
    done: Callable[[], bool]
    apply: Callable[[Note], None]
    needs: tuple[str, ...] = ()
    installs: bool = False
    """Fetches or builds something that lasts, and starts nothing: what `lab install` does."""


@dataclass
class Timings:
    """Seconds per phase that had work to do; the others are in `passed`."""

    seconds: dict[str, float] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)


def run_phases(phases: list[Phase], shown: LiveList) -> Timings:
    """Run all phases in the order their needs allow.

    Raises:
        ValueError: a phase needs one that is not in the list, or itself indirectly; none is run.
        LabError: of the first phase that failed; running phases are waited for, no further one is started.
    """
    timings = Timings()
    named = {phase.name: phase for phase in phases}
    run_graph({phase.name: phase.needs for phase in phases}, lambda name: run_phase(named[name], shown, timings))
    return timings


def run_phase(phase: Phase, shown: LiveList, timings: Timings) -> None:
    if phase.done():
        timings.passed.append(phase.name)
        return
    shown.start(phase.name, phase.title, phase.limit)
    try:
        phase.apply(lambda text: shown.note(phase.name, text))
    except LabError:
        shown.end(phase.name, "✗")
        raise
    except BaseException:
        shown.end(phase.name, "✗", "unexpected")
        raise
    timings.seconds[phase.name] = shown.end(phase.name, "✓")
