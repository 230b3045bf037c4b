"""A figure: what was measured, how often, and its goal."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

AT_MOST, AT_LEAST = "≤", "≥"


@dataclass(frozen=True)
class Goal:
    """A bound on a median: at most (`≤`) or at least (`≥`) `value`."""

    sign: str
    value: float

    def met(self, measured: float) -> bool:
        return measured <= self.value if self.sign == AT_MOST else measured >= self.value


def at_most(value: float) -> Goal:
    return Goal(AT_MOST, value)


def at_least(value: float) -> Goal:
    return Goal(AT_LEAST, value)


@dataclass(frozen=True)
class Figure:
    """One row of the table: every measured value, in the order of measuring; `group` is the scenario's name."""

    group: str
    title: str
    unit: str
    values: tuple[float, ...]
    goal: Goal | None = None
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the median keeps the goal; None where there is no goal."""
        return None if self.goal is None else self.goal.met(self.median)

    def as_data(self) -> dict[str, Any]:
        return {
            "group": self.group,
            "title": self.title,
            "unit": self.unit,
            "median": self.median,
            "minimum": min(self.values),
            "maximum": max(self.values),
            "count": len(self.values),
            "goal": None if self.goal is None else f"{self.goal.sign} {self.goal.value:g}",
            "met": self.met,
            "note": self.note,
            "values": list(self.values),
        }


def figure(
    group: str, title: str, unit: str, values: Sequence[float], *, goal: Goal | None = None, note: str = ""
) -> list[Figure]:
    """A list of the one figure, empty if nothing was measured."""
    return [Figure(group, title, unit, tuple(values), goal, note)] if values else []


def each(group: str, prefix: str, unit: str, samples: Sequence[dict[str, float]]) -> list[Figure]:
    """One figure per name that occurs in `samples` (seconds per task, memory per service), in order of appearance."""
    names = dict.fromkeys(name for sample in samples for name in sample)
    return [
        Figure(group, f"{prefix} {name}", unit, tuple(sample[name] for sample in samples if name in sample))
        for name in names
    ]


def ratio(
    group: str, title: str, above: Sequence[float], below: Sequence[float], *, goal: Goal | None = None
) -> list[Figure]:
    """How many times the median of `above` is that of `below`; nothing if either was not measured."""
    if not above or not below or statistics.median(below) == 0:
        return []
    quotient = statistics.median(above) / statistics.median(below)
    return [Figure(group, title, "times", (quotient,), goal, "of the medians")]


@dataclass
class Results:
    """What has been measured so far."""

    figures: list[Figure] = field(default_factory=list)

    def add(self, found: list[Figure]) -> None:
        self.figures += found
