"""Runs things that need each other in order, and in parallel where that is possible: phases, and builds of images."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter


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


def run_graph(graph: Mapping[str, Collection[str]], run: Callable[[str], None], at_once: int = 0) -> None:
    """Call `run` for each name once everything that it needs is done; `at_once` at a time, or all that are ready.

    An interrupt of this thread ends the call without waiting for what is running.

    Raises:
        ValueError: a name needs one that is not in `graph`, or itself indirectly; nothing is run.
        Exception: of the first that failed; no further one is started, running ones are waited for.
    """
    unknown = [f"{name} needs {need}" for name, needs in graph.items() for need in needs if need not in graph]
    if unknown:
        raise ValueError(f"not in the list: {', '.join(unknown)}")
    order = TopologicalSorter(graph)
    order.prepare()
    at_once = at_once or max(len(graph), 1)
    ready: list[str] = []
    running: dict[Future[None], str] = {}
    failure: BaseException | None = None
    pool = ThreadPoolExecutor(max_workers=at_once)
    try:
        while order.is_active() and failure is None:
            ready += order.get_ready()
            while ready and len(running) < at_once:
                name = ready.pop(0)
                running[pool.submit(run, name)] = name
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                order.done(running.pop(future))
                failure = failure or future.exception()
        wait(running)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if failure is not None:
        raise failure
