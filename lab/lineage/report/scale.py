"""Axes: round values that cover a range."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` to places from `start` to `end`; `ticks` are round values between."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def scale(values: list[float], start: float, end: float, ticks: int) -> Scale:
    """A scale that shows what changes: it need not begin at zero, and says so by its ticks."""
    low, high = min(values), max(values)
    if low == high:
        spread = abs(low) * 0.05 or 1.0
        low, high = max(low - spread, 0.0) if low >= 0 else low - spread, high + spread
    step = round_step((high - low) / ticks)
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    count = round((high - low) / step)
    return Scale(low, high, start, end, tuple(low + step * number for number in range(count + 1)))


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, 50 … (and their fractions) that is at least this."""
    power = 10.0 ** math.floor(math.log10(least))
    return float(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999))


def whole_step(least: float) -> int:
    """The smallest round whole number that is at least this."""
    return max(1, math.ceil(round_step(max(least, 1))))


def decimals(step: float) -> int:
    """How many decimals the values at this distance differ in."""
    return max(0, -math.floor(math.log10(step) + 1e-9))
