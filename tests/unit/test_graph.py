"""Things that need each other run in order, so many at once, and a failure starts nothing more."""

from __future__ import annotations

import hashlib
import threading

import pytest

from lab.graph import run_graph, with_needs

LIMIT = 20
BLOCK = bytes(8 << 20)
"""Work of some milliseconds, during which others can start."""


def test_no_more_run_at_once_than_allowed() -> None:
    at_work, most, meeting = 0, 0, threading.Barrier(2)
    guard = threading.Lock()

    def run(_: str) -> None:
        nonlocal at_work, most
        with guard:
            at_work += 1
            most = max(most, at_work)
        meeting.wait(LIMIT)
        hashlib.sha256(BLOCK)
        with guard:
            at_work -= 1

    run_graph(dict.fromkeys("abcdef", ()), run, at_once=2)
    assert most == 2


def test_a_failure_starts_nothing_of_what_waits_for_its_turn() -> None:
    started: list[str] = []

    def run(name: str) -> None:
        started.append(name)
        raise ZeroDivisionError(name)

    with pytest.raises(ZeroDivisionError, match="a"):
        run_graph(dict.fromkeys("abc", ()), run, at_once=1)
    assert started == ["a"]


@pytest.mark.parametrize("graph", [{"a": (), "b": ("c",), "c": ("b",)}, {"a": (), "b": ("missing",)}])
def test_a_graph_that_cannot_end_is_refused_before_anything_runs(graph: dict[str, tuple[str, ...]]) -> None:
    started: list[str] = []
    with pytest.raises(ValueError, match="b"):
        run_graph(graph, started.append)
    assert started == []


def test_an_empty_graph_has_nothing_to_run() -> None:
    run_graph({}, pytest.fail)


def test_what_is_needed_indirectly_counts() -> None:
    needs = {"a": ["b"], "b": ["c"], "c": [], "d": []}
    assert with_needs(["a"], lambda name: needs[name]) == {"a", "b", "c"}
