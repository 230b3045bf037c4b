"""The timeline as SVG: rows and size of each version of one dataset, and a strip of what verification found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from lab.lineage.report.entries import FAULT, Entry
from lab.lineage.report.scale import Scale, decimals, scale, whole_step

DOTS = 150
"""Up to this many versions, each has its own dot; beyond, only faults have a dot."""
TABBED = 40
"""Up to this many dots can be reached by the keyboard; the table has the same links."""
LABEL = 92
"""The width of a date, and some space."""
LEAST = 4
"""The width of a fault among a thousand versions."""
MARKS = {"sound": "✓", "fault": "✗", "unchecked": "·"}


@dataclass(frozen=True)
class Layout:
    """Lengths in SVG units, which are pixels at the width that it is made for."""

    name: str
    width: int
    rows_height: int
    size_height: int
    left: int

    @property
    def right(self) -> int:
        return self.width - 46

    @property
    def rows_top(self) -> int:
        return 34

    @property
    def size_top(self) -> int:
        return self.rows_top + self.rows_height + 40

    @property
    def strip_top(self) -> int:
        return self.size_top + self.size_height + 34

    @property
    def height(self) -> int:
        return self.strip_top + 66


WIDE = Layout("wide", 1040, 220, 120, 76)
NARROW = Layout("narrow", 340, 150, 90, 66)


@dataclass(frozen=True)
class Chart:
    """One dataset's versions, oldest first, in one layout."""

    entries: list[Entry]
    layout: Layout

    @property
    def slot(self) -> float:
        """The width that each version has."""
        return (self.layout.right - self.layout.left) / len(self.entries)

    def x(self, index: int) -> float:
        return self.layout.left + self.slot * (index + 0.5)

    def svg(self) -> str:
        layout = self.layout
        first, last = self.entries[0], self.entries[-1]
        summary = (
            f"Rows and size of {len(self.entries)} versions of {first.version.path}: "
            f"from {count(first.rows)} rows and {megabytes(first.megabytes)} in version {first.version.number} "
            f"to {count(last.rows)} rows and {megabytes(last.megabytes)} in version {last.version.number}. "
            "The table below has every value."
        )
        rows: list[float | None] = [each.rows for each in self.entries]
        size = [each.megabytes for each in self.entries]
        return "".join(
            [
                f'<svg class="chart {layout.name}" viewBox="0 0 {layout.width} {layout.height}" role="group" '
                f'aria-label="{escape(summary)}">',
                *self.panel("rows", "Rows", rows, layout.rows_top, layout.rows_height),
                *self.panel("size", "Size of the file, MB (10⁶ bytes)", size, layout.size_top, layout.size_height),
                *self.strip(),
                *self.axis(),
                "</svg>",
            ]
        )

    def panel(self, kind: str, title: str, values: list[float | None], top: int, height: int) -> Iterator[str]:
        """Title, grid, line and dots of one quantity; a version without a known value interrupts the line."""
        yield f'<text class="title {kind}" x="{self.layout.left}" y="{top - 12}">{title}</text>'
        known = [value for value in values if value is not None]
        if not known:
            yield f'<text class="tick" x="{self.layout.left}" y="{top + 16}">not known of any version</text>'
            return
        axis = scale(known, top + height, top, max(2, height // 45))
        yield from self.grid(axis)
        yield from self.lines(kind, values, axis, top + height)
        many = len(self.entries) > DOTS
        for index, value in enumerate(values):
            if value is not None and (not many or self.entries[index].state == FAULT):
                yield self.dot(kind, index, axis.place(value))

    def grid(self, axis: Scale) -> Iterator[str]:
        digits = decimals(axis.ticks[1] - axis.ticks[0])
        for tick in axis.ticks:
            y = axis.place(tick)
            yield f'<line class="grid" x1="{self.layout.left}" x2="{self.layout.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text class="tick end" x="{self.layout.left - 8}" y="{y + 4:.1f}">{tick:,.{digits}f}</text>'

    def lines(self, kind: str, values: list[float | None], axis: Scale, bottom: float) -> Iterator[str]:
        for run in stretches(values):
            steps = " ".join(f"{self.x(index):.1f},{axis.place(value):.1f}" for index, value in run)
            left, right = self.x(run[0][0]), self.x(run[-1][0])
            yield f'<polygon class="area {kind}" points="{left:.1f},{bottom} {steps} {right:.1f},{bottom}"/>'
            yield f'<polyline class="line {kind}" points="{steps}"/>'

    def dot(self, kind: str, index: int, y: float) -> str:
        each = self.entries[index]
        radius = min(5.5, max(2.2, self.slot * 0.3))
        keys = "" if len(self.entries) <= TABBED and kind == "rows" else ' tabindex="-1"'
        name = escape(tooltip(each))
        x = self.x(index)
        shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'
        if each.state == FAULT:
            a = radius + 1.5
            shape = f'<path d="M{x - a:.1f} {y + a:.1f}L{x:.1f} {y - a:.1f}L{x + a:.1f} {y + a:.1f}Z"/>'
        return (
            f'<a href="#v{each.version.number}"{keys} aria-label="{name}" class="dot {kind} {each.state}">'
            f"<title>{name}</title>{shape}</a>"
        )

    def strip(self) -> Iterator[str]:
        """One cell for each version, coloured by its state; faults last and wide enough to be seen among a thousand."""
        top = self.layout.strip_top
        yield f'<text class="title" x="{self.layout.left}" y="{top - 8}">Verification</text>'
        # Narrow cells overlap a little: between two that only touch, the background is visible.
        between = -2 if self.slot > 8 else 0.7
        for index, each in sorted(enumerate(self.entries), key=lambda pair: pair[1].state == FAULT):
            width = max(self.slot + between, LEAST if each.state == FAULT else 0)
            x = self.x(index) - width / 2
            yield f'<rect class="cell {each.state}" x="{x:.2f}" y="{top}" width="{width:.2f}" height="20"/>'
            if self.slot >= 16:
                middle = f'x="{self.x(index):.1f}" y="{top + 15}"'
                yield f'<text class="mark {each.state}" {middle}>{MARKS[each.state]}</text>'

    def axis(self) -> Iterator[str]:
        """Version numbers, and the day of each."""
        top = self.layout.strip_top + 38
        for index in self.named():
            each = self.entries[index].version
            x = f'x="{self.x(index):.1f}"'
            yield f'<text class="tick middle" {x} y="{top}">v{each.number}</text>'
            yield f'<text class="tick middle" {x} y="{top + 17}">{escape(each.time[:10])}</text>'

    def named(self) -> list[int]:
        """The versions below which there is room for their names: the first, the last, and some at round distances."""
        last = len(self.entries) - 1
        step = whole_step(LABEL / self.slot)
        inner = [
            index
            for index in range(step, last, step)
            if index * self.slot >= LABEL and (last - index) * self.slot >= LABEL
        ]
        return [0, *inner, *([last] if last * self.slot >= LABEL else [])]


def stretches(values: list[float | None]) -> list[list[tuple[int, float]]]:
    """Each unbroken run of known values, with their places."""
    found: list[list[tuple[int, float]]] = [[]]
    for index, value in enumerate(values):
        if value is not None:
            found[-1].append((index, value))
        elif found[-1]:
            found.append([])
    return [run for run in found if run]


def tooltip(each: Entry) -> str:
    state = {"sound": "verified", "fault": "fault", "unchecked": "not checked"}[each.state]
    return f"Version {each.version.number}: {count(each.rows)} rows, {megabytes(each.megabytes)}, {state}"


def count(rows: int | None) -> str:
    return "unknown" if rows is None else f"{rows:,}"


def megabytes(size: float | None) -> str:
    return "unknown size" if size is None else f"{size:,.1f} MB"
