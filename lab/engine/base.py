"""The interface of every engine; the commands use nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from lab.access import Access
from lab.airflow.dag_errors import ImportFault
from lab.config import Settings
from lab.engine.phases import Note, Phase
from lab.host import Check
from lab.paths import Paths


@dataclass(frozen=True)
class ServiceStatus:
    """One part of the lab: its state in one word, the reason where it isn't `healthy`, where to reach it.

    `pid` or `pod`, depending on the engine.
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
    on_this_machine: bool
    """Whether it runs on this machine, where one lab of a checkout runs at a time."""
    git_pages: bool
    """Whether the repository's URL, without `.git`, shows commits to browsers."""
    up_command: str
    """What brings it up, for hints."""
    injector: str
    """`module:name` of what `lab drill` breaks the lab by, called with `instance`; empty where there is no drill."""

    @property
    def instance(self) -> Any:
        """What the engine's own parts work on."""
        ...

    def why_not_at_once(self) -> str:
        """Why this machine cannot run it without long preparations, or nothing."""
        ...

    def phases(self) -> list[Phase]:
        """What `lab up` does, in order."""
        ...

    def before_up(self) -> list[str]:
        """Check everything before anything is changed; then remove what a killed command left behind.

        Returns:
            What was removed, in lines.
        """
        ...

    def access(self) -> Access:
        """How to reach the running lab; what it opens for that ends with `close`.

        Raises:
            NotRunningError: it is down.
        """
        ...

    def close(self) -> None:
        """End what the other methods have opened on this machine for this command."""
        ...

    def status(self) -> Status: ...

    def down(self, *, purge: bool) -> list[str]:
        """End everything, and with `purge` remove its data; return what was done, in lines."""
        ...

    def service_names(self) -> list[str]:
        """The services that have a log, in the order of `lab status`."""
        ...

    def log(self, service: str, lines: int) -> str:
        """The last lines of a service's log; empty if there is none yet."""
        ...

    def follow(self, service: str) -> Iterator[str]:
        """New lines of a service's log, as they are written, without end."""
        ...

    def shell_environment(self) -> dict[str, str]:
        """The environment of lab-shell: the user's own, and what makes their tools reach the lab; without PATH."""
        ...

    def diagnose(self) -> list[Check]:
        """Checks for when something is wrong: of the machine, then of the lab."""
        ...

    def secret_names(self) -> list[str]:
        """The lab's generated secrets, in a fixed order.

        Raises:
            SettingsError: this engine keeps them elsewhere.
        """
        ...

    def rotate(self, names: Sequence[str], note: Note) -> bool:
        """Replace these secrets without losing data; an interrupted rotation is continued.

        Returns:
            Whether the lab was up: `phases` then bring the new values into use.

        Raises:
            NotRunningError: the lab has no secrets yet, or must be up.
        """
        ...

    def leftovers(self) -> Iterable[str]:
        """Processes of the lab that nothing supervises, one line each."""
        ...
