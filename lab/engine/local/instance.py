"""One local lab: its folders, ports, environments, supervisor and services. The phases and the engine work on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.engine import ports
from lab.engine.instance import LabInstance
from lab.engine.local import services
from lab.engine.local.supervisor import Service, Supervisor
from lab.errors import ServiceError
from lab.wait import wait_until

START_LIMIT = 120
"""Seconds that a service may take until it is ready."""


@dataclass(frozen=True)
class Instance(LabInstance):
    """The lab of one checkout on this machine, running or not."""

    made_with = "made-with.json"

    def supervisor(self) -> Supervisor:
        return Supervisor(self.paths, self.port(ports.INTERNAL), services.names(self.settings), services.PATIENCE)

    def is_up(self) -> bool:
        """Whether the process supervisor runs; its services may still have trouble."""
        return self.supervisor().process() is not None

    def start(self, service: Service) -> float:
        """Have the service run as described and return when it was started (seconds since 1970)."""
        supervisor = self.supervisor()
        supervisor.ensure(service)
        return float(supervisor.states()[service.name].get("start") or time.time())

    def wait_for(self, name: str, probe: Callable[[], None], what: str) -> None:
        """Wait for a probe of a service.

        Raises:
            ServiceError: the limit was reached, or the service keeps dying; the evidence is its last lines.
        """
        supervisor, hint = self.supervisor(), f"make lab-logs SERVICE={name}"

        def watched() -> None:
            failed = supervisor.failed(name)
            if failed:
                raise ServiceError(failed, hint, supervisor.last_lines(name))
            probe()

        wait_until(watched, what=what, limit=START_LIMIT, hint=hint, detail=lambda: supervisor.last_lines(name))
