"""One local lab: its folders, ports, environments, supervisor and services. The phases and the engine work on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.access import Access
from lab.config import Settings
from lab.engine import ports
from lab.engine.environments import Environment
from lab.engine.local import services
from lab.engine.local.supervisor import Service, Supervisor
from lab.errors import ServiceError
from lab.paths import Paths
from lab.wait import wait_until

START_LIMIT = 120
"""Seconds that a service may take until it is ready."""


@dataclass(frozen=True)
class Instance:
    """The lab of one checkout on this machine, running or not."""

    paths: Paths
    settings: Settings

    @property
    def port_file(self) -> Path:
        return self.paths.run / "ports.json"

    @property
    def running_settings(self) -> Path:
        return self.paths.run / "settings.json"

    @property
    def data_settings(self) -> Path:
        return self.paths.data / "made-with.json"

    def port(self, name: str) -> int:
        """A port of the lab; 0 before ports were settled."""
        return ports.read(self.port_file).get(name, 0)

    def environment(self, name: str) -> Environment:
        return Environment(self.paths, name)

    def supervisor(self) -> Supervisor:
        return Supervisor(self.paths, self.port(ports.INTERNAL), services.NAMES, services.PATIENCE)

    def is_up(self) -> bool:
        """Whether the process supervisor runs; its services may still have trouble."""
        return self.supervisor().process() is not None

    def access(self) -> Access:
        """How the lab is reached while its services run; ports must have been settled."""
        urls = {name: f"http://127.0.0.1:{self.port(name)}" for name in ports.DEFAULTS}
        return Access(self.paths, self.settings, urls["airflow"], urls["s3"], urls["git"])

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
