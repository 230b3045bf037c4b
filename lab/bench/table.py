"""The table of a bench, for the terminal and as Markdown, and where it is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.bench.figures import Figure
from lab.bench.machine import Machine

HEADINGS = ["figure", "median", "min to max", "n", "goal", "met", "note"]


def rows(figures: list[Figure]) -> list[list[str]]:
    """The cells of the table; parts of a figure are set in below it."""
    return [row(figure) for figure in figures]


def row(figure: Figure) -> list[str]:
    low, high = number(min(figure.values)), number(max(figure.values))
    goal = "" if figure.goal is None else f"{figure.goal.sign} {figure.goal.value:g} {figure.unit}"
    met = {None: "", True: "yes", False: "no"}[figure.met]
    spread = f"{low} to {high}" if len(figure.values) > 1 else ""
    median = f"{number(figure.median)} {figure.unit}"
    return [figure.title, median, spread, str(len(figure.values)), goal, met, figure.note]


def number(value: float) -> str:
    """Three significant digits: `0.042`, `1.23`, `12.3`, `1,234`."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.3f}"


def markdown(figures: list[Figure], machine: Machine) -> str:
    """The table as Markdown, the machine above it."""
    lines = [
        f"Measured by `make bench` on {machine.line()}",
        "",
        f"| {' | '.join(HEADINGS)} |",
        f"|{'---|' * len(HEADINGS)}",
        *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |" for cells in rows(figures)),
    ]
    return "\n".join(lines) + "\n"


def as_data(figures: list[Figure], machine: Machine) -> dict[str, Any]:
    return {"machine": machine.as_data(), "figures": [figure.as_data() for figure in figures]}


def store(folder: Path, figures: list[Figure], machine: Machine) -> Path:
    """Keep the bench as `<UTC time>.json`, and as `latest.md`; return the first."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{machine.date.replace(':', '').replace('-', '')}.json"
    file.write_text(json.dumps(as_data(figures, machine), indent=2) + "\n", "utf-8")
    (folder / "latest.md").write_text(markdown(figures, machine), "utf-8")
    return file
