"""A drill's interface to an engine: it finds the steps of a run, ends them, and takes services away."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol


class RunningStep(Protocol):
    """One step of one run at work: a process, or a pod."""

    def outlives(self, seconds: float) -> bool:
        """Wait until this many seconds have passed since it started, or it has ended; return whether it still runs."""
        ...

    def lasts(self, limit: float) -> float:
        """Wait until it has ended, at most `limit` seconds, and return how many seconds it took."""
        ...

    def kill(self) -> bool:
        """End it with SIGKILL; return whether it existed."""
        ...

    def kill_task(self) -> bool:
        """End Airflow's process for it with SIGKILL; return whether that existed."""
        ...

    def evict(self) -> bool:
        """End it by an eviction; return whether it existed."""
        ...


class FaultInjector(Protocol):
    """One engine, as a drill handles it."""

    @property
    def runs_folder(self) -> Path:
        """Where the folders of runs are on this machine."""
        ...

    def find(self, run_id: str, task: str) -> RunningStep | None:
        """The step of that task, if it is at work now."""
        ...

    def at_work(self, run_id: str) -> bool:
        """Whether any step of the run is at work now."""
        ...

    def prepare(self, faults: set[str]) -> None:
        """Prepare what these faults need, so that they take effect at once."""
        ...

    def away(self, fault: str) -> AbstractContextManager[None]:
        """Take the service away while the block runs; after it the service answers again."""
        ...

    def restore(self) -> None:
        """Repair what an interrupted drill has left: start all services, and remove everything of a drill."""
        ...
