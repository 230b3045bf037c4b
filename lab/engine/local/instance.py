"""One local lab: its folders, ports, environments, supervisor and services. The phases and the engine work on it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

from lab.engine import ports
from lab.engine.health import trouble
from lab.engine.instance import LabInstance
from lab.engine.local import listeners, services
from lab.engine.local.supervisor import Program, Supervisor
from lab.errors import ServiceError
from lab.services import LOCAL
from lab.wait import wait_until

START_LIMIT = 120
"""Seconds that a service may take until it is ready."""


@dataclass(frozen=True)
class LocalInstance(LabInstance):
    """The lab of one checkout on this machine, running or not."""

    made_with = "made-with.json"

    def supervisor(self) -> Supervisor:
        return Supervisor(self.paths, self.port(ports.INTERNAL), services.names(self.settings), services.patience())

    def is_up(self) -> bool:
        """Whether the process supervisor runs; its services may still have trouble."""
        return self.supervisor().process() is not None

    def program(self, name: str) -> Program:
        """The service of that name, as it is to run now."""
        return services.program(name, self.access())

    def runs(self, name: str) -> bool:
        """Whether the service of that name runs as it is to run now."""
        return self.supervisor().is_current(self.program(name))

    def start(self, program: Program) -> float:
        """Run the program as described and return when it was started (seconds since 1970)."""
        supervisor = self.supervisor()
        supervisor.ensure(program)
        return float(supervisor.states()[program.name].get("start") or time.time())

    def wait_for(self, name: str, probe: Callable[[], None], what: str) -> None:
        """Wait for a probe of a service.

        Raises:
            ServiceError: the limit was reached, the service keeps dying (the evidence is its last lines), or another
                program listens on its port.
        """
        supervisor, hint = self.supervisor(), f"make lab-logs SERVICE={name}"

        def watched() -> None:
            self.require_own_listeners(name)
            failed = supervisor.failed(name)
            if failed:
                raise ServiceError(failed, hint, supervisor.last_lines(name))
            probe()

        wait_until(watched, what=what, limit=START_LIMIT, hint=hint, detail=lambda: supervisor.last_lines(name))

    def squatters(self, *services: str) -> list[str]:
        """What listens on the ports of these services, or of all, that is not the lab's; one line for each."""
        states = self.supervisor().states()
        found = []
        for name in services or listeners.PORTS:
            port = self.port(listeners.PORTS[name])
            taken = listeners.foreign(process_of(states.get(name, {})), port, self.paths.home)
            if taken:
                found.append(f"port {port} of the service {name} is in use by {taken}, which is not the lab's")
        return found

    def require_own_listeners(self, *services: str) -> None:
        """Refuse to ask services, or those that report their health, where another program listens in their place.

        Raises:
            ServiceError: which program it is.
        """
        asked = {listeners.ASKED.get(name, name) for name in services or listeners.PORTS} & listeners.PORTS.keys()
        for line in self.squatters(*asked) if asked else ():
            raise ServiceError(line, "make lab-up restarts the lab on another port")

    def trouble(self, name: str) -> str:
        """Why a running service is not healthy, or nothing; no password goes to a program that is not the lab's."""
        try:
            self.require_own_listeners(name)
        except ServiceError as error:
            return error.message
        return trouble(self.access(), name, LOCAL)


def process_of(info: dict[str, Any]) -> psutil.Process | None:
    """The process of a service, as supervisord describes it; None while it has none."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(info["pid"]) if info.get("pid") else None
    return None
