"""The outcome of a round."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.drill.plan import Round


@dataclass
class Outcome:
    """A round that was played.

    `struck` is whether the fault hit a running step of the run; `tries` are those of each task, `state` is the run's;
    `seconds` from its start to its end; `versions` are the commits of its data versions.
    """

    round: Round
    run_id: str = ""
    state: str = ""
    struck: bool = False
    note: str = ""
    tries: dict[str, int] = field(default_factory=dict)
    seconds: float = 0
    versions: list[str] = field(default_factory=list)

    @property
    def most_tries(self) -> int:
        return max(self.tries.values(), default=0)
