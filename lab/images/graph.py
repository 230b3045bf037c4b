"""Makes things that depend on each other, in order of their dependencies, and in parallel where that helps."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

AT_ONCE = 3
"""Builds wait for the network and the disk as often as for a processor."""


def with_needs(names: Iterable[str], needs: Callable[[str], Iterable[str]]) -> set[str]:
    """These names and everything that they need, directly or indirectly."""
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += needs(name)
    return wanted


def run_graph(graph: dict[str, set[str]], make: Callable[[str], None]) -> None:
    """Call `make` for each name once everything it needs is made.

    Raises:
        Exception: of the first that failed; no further one is started, running ones are waited for.
    """
    order = TopologicalSorter(graph)
    order.prepare()
    running: dict[Future[None], str] = {}
    failure: BaseException | None = None
    with ThreadPoolExecutor(max_workers=min(AT_ONCE, (os.cpu_count() or 1) + 1)) as pool:
        while order.is_active() and (failure is None or running):
            if failure is None:
                running |= {pool.submit(make, name): name for name in order.get_ready()}
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                order.done(running.pop(future))
                failure = failure or future.exception()
    if failure is not None:
        raise failure
