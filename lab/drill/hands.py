"""What a drill needs of an engine: hands that find the steps of a run, end them, and take services away."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol


class Step(Protocol):
    """One step of one run at work: a process, or a pod."""

    def outlives(self, seconds: float) -> bool:
        """Wait until so many seconds have passed since it started, or it has ended; whether it still runs then."""
        ...

    def lasts(self, limit: float) -> float:
        """Wait until it has ended, at most `limit` seconds, and return how many seconds it took."""
        ...

    def kill(self) -> bool:
        """End it by SIGKILL; whether it was there to be killed."""
        ...

    def kill_task(self) -> bool:
        """End the process of Airflow that looks after it by SIGKILL; whether that was there."""
        ...

    def evict(self) -> bool:
        """End it as a cluster does that needs its place; whether it was there."""
        ...


class Hands(Protocol):
    """One engine, as a drill handles it."""

    @property
    def runs_folder(self) -> Path:
        """Where the folders of runs are on this machine."""
        ...

    def find(self, run_id: str, task: str) -> Step | None:
        """The step of that task, if it is at work now."""
        ...

    def at_work(self, run_id: str) -> bool:
        """Whether any step of the run is at work now."""
        ...

    def prepare(self, faults: set[str]) -> None:
        """Make what these faults need, so that they strike at once."""
        ...

    def away(self, fault: str) -> AbstractContextManager[None]:
        """Have the service away while the block runs; after it the service answers again."""
        ...

    def restore(self) -> None:
        """Put right whatever a drill that was cut off has left: all services are there, and nothing of a drill is."""
        ...
