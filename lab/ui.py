"""Terminal output: messages to standard error, data to standard output, and a live list of phases.

Everything makes sense without colour. On a terminal, phases and tasks show a spinner with the seconds so far and the
limit; elsewhere each is one plain line when it starts and one when it ends.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from lab.errors import LabError

# Without emoji, or `:id:` in a run's name becomes a picture.
messages = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
output = Console(highlight=False, soft_wrap=True, emoji=False, width=None if sys.stdout.isatty() else 200)

LONG_TABLE = 200


def counted(number: int, noun: str) -> str:
    """`1 object`, `2 objects`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def data(value: Any) -> None:
    """Print `value` as JSON on standard output, for scripts."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def say(text: str = "") -> None:
    messages.print(text, markup=False)


def table(rows: list[list[str]], headings: list[str]) -> None:
    """Print a table of strings on standard output; columns shrink to the terminal and never wrap.

    A long one is only aligned: folding it would take a millisecond or two for each row.
    """
    if len(rows) > LONG_TABLE:
        widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
        for row in (headings, *rows):
            aligned = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            output.out(aligned.rstrip(), highlight=False)
        return
    view = Table(box=None, pad_edge=False, header_style="bold", show_header=any(headings))
    for heading in headings:
        view.add_column(heading, overflow="fold")
    for row in rows:
        view.add_row(*(Text(cell) for cell in row))
    output.print(view, soft_wrap=False)


def show_error(error: LabError) -> None:
    """The one place where errors are shown: what is wrong, the evidence, what to do."""
    messages.print(Text.assemble(("error:", "bold red"), " ", error.message))
    if error.detail:
        for line in error.detail.splitlines():
            messages.print(Text.assemble(("  │", "dim"), " ", line))
    hint(error.hint)


def hint(text: str) -> None:
    """Print what to do, if anything."""
    if text:
        messages.print(Text.assemble(("hint:", "bold"), " ", text))


@dataclass
class Line:
    """One entry of a live list: running until `end` is set."""

    title: str
    limit: float
    started: float
    note: str = ""
    mark: str = ""
    ended: float | None = None

    def text(self) -> str:
        seconds = (self.ended or time.monotonic()) - self.started
        took = f"{seconds:5.1f} s" + ("" if self.ended else f" (limit {self.limit:.0f} s)")
        return f"{self.title}{': ' + self.note if self.note else ''}  {took}"


@dataclass
class LiveList:
    """A list of what runs at the same time. Thread-safe."""

    lines: dict[str, Line] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    spinner: Spinner = field(default_factory=lambda: Spinner("dots"))

    def __rich__(self) -> RenderableType:
        with self.lock:
            return Group(*(self._row(line) for line in self.lines.values() if line.ended is None))

    def _row(self, line: Line) -> RenderableType:
        frame = self.spinner.render(time.monotonic())
        return Text.assemble(frame if isinstance(frame, Text) else Text(str(frame)), " ", line.text())

    def start(self, key: str, title: str, limit: float) -> None:
        with self.lock:
            self.lines[key] = Line(title, limit, time.monotonic())
        if not messages.is_terminal:
            messages.print(f"• {escape(title)} (≤ {limit:.0f} s) …")

    def note(self, key: str, text: str) -> None:
        with self.lock:
            line = self.lines[key]
            changed, line.note = line.note != text, text
        if changed and text and not messages.is_terminal:
            messages.print(f"    {escape(line.title)}: {escape(text)}")

    def drop(self, key: str) -> None:
        """Remove an entry, if there is one, without output."""
        with self.lock:
            self.lines.pop(key, None)

    def end(self, key: str, mark: str, note: str = "") -> float:
        """Close an entry with a mark (✓ ✗ – ·) and return the seconds it took."""
        with self.lock:
            line = self.lines[key]
            line.ended, line.mark, line.note = time.monotonic(), mark, note
        colour = {"✓": "green", "✗": "red"}.get(mark, "dim")
        messages.print(f"[{colour}]{mark}[/] {escape(line.text())}")
        return line.ended - line.started


@contextmanager
def live_list() -> Iterator[LiveList]:
    """Show a live list while the block runs."""
    shown = LiveList()
    if not messages.is_terminal:
        yield shown
        return
    with Live(shown, console=messages, refresh_per_second=8, transient=True):
        yield shown


@contextmanager
def step(title: str, limit: float) -> Iterator[LiveList]:
    """One thing that takes more than a moment, as a live list of one; `shown.note("", text)` says more."""
    with live_list() as shown:
        shown.start("", title, limit)
        try:
            yield shown
        except BaseException:
            shown.end("", "✗")
            raise
        shown.end("", "✓")
