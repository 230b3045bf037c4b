"""What every engine offers; the commands know nothing else of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lab.access import Access
from lab.components.dag_errors import ImportFault
from lab.config import Settings
from lab.engine.phases import Note, Phase
from lab.host import Check
from lab.paths import Paths


@dataclass(frozen=True)
class ServiceStatus:
    """One part of the lab: its state in one word, the reason where it isn't `healthy`, where to reach it.

    `pid` or `pod`, whichever the engine has.
    """

    name: str
    state: str
    reason: str = ""
    url: str = ""
    pid: int | None = None
    uptime_seconds: float | None = None
    pod: str = ""


@dataclass(frozen=True)
class Status:
    """The lab as it is now.

    `memory` is in bytes, of all its processes together, 0 if unknown; `memory_kind` is PSS, RSS or node.
    `import_errors` are the DAG files that do not load: a fault of the DAGs, not of the lab's health.
    """

    engine: str
    state: str
    services: list[ServiceStatus]
    urls: dict[str, str] = field(default_factory=dict)
    memory: int = 0
    memory_kind: str = ""
    import_errors: list[ImportFault] = field(default_factory=list)


class Engine(Protocol):
    """One place to run the lab."""

    name: str
    paths: Paths
    settings: Settings

    def phases(self) -> list[Phase]:
        """What `lab up` does, in order."""
        ...

    def before_up(self) -> list[str]:
        """Checks that must hold before anything is changed; then what a killed command left behind is cleared away.

        Returns:
            What was cleared away, in lines.
        """
        ...

    def access(self) -> Access:
        """How to reach the running lab.

        Raises:
            NotRunningError: it is down.
        """
        ...

    def status(self) -> Status: ...

    def down(self, *, purge: bool) -> list[str]:
        """End everything, with `purge` remove its data too; return what was done, in lines."""
        ...

    def service_names(self) -> list[str]:
        """What has a log, in the order of `lab status`."""
        ...

    def log(self, service: str, lines: int) -> str:
        """The last lines of a service's log; empty if there is none yet."""
        ...

    def follow(self, service: str) -> Iterator[str]:
        """What is added to a service's log from now on, as it comes, without end."""
        ...

    def shell_environment(self) -> dict[str, str]:
        """The environment of lab-shell: the person's own, and what makes their tools reach the lab; PATH aside."""
        ...

    def diagnose(self) -> list[Check]:
        """Everything worth looking at when something is wrong: the machine, then the lab."""
        ...

    def rotate(self, names: Sequence[str], note: Note) -> bool:
        """Replace these secrets without losing data; one that was cut off goes on.

        Returns:
            Whether the lab was up: `phases` then bring the new values into use.

        Raises:
            NotRunningError: the lab has none yet, or has to be up for it.
        """
        ...

    def leftovers(self) -> Iterable[str]:
        """Processes of the lab that nothing supervises, one line each."""
        ...
