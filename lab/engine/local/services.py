"""What the local engine runs: the processes of the services' records (lab/services), as its supervisor knows them."""

from __future__ import annotations

from lab import services
from lab.access import Access
from lab.config import Settings
from lab.engine.local.supervisor import Program
from lab.services.record import LOCAL, Process, Service


def names(settings: Settings | None = None) -> tuple[str, ...]:
    """The services of a lab with these settings, or of any."""
    return tuple(service.name for service in services.running(LOCAL, settings))


def patience() -> dict[str, int]:
    """Seconds that each service has to end."""
    return {service.name: process_of(service).patience for service in services.running(LOCAL)}


def process_of(service: Service) -> Process:
    """How this engine runs the service, which it does."""
    assert service.process is not None, service.name  # noqa: S101
    return service.process


def program(name: str, access: Access) -> Program:
    """The service of that name, as it is to run in this lab."""
    process = process_of(services.find(name))
    return Program(
        name, process.command(access), process.environment(access), str(process.folder(access)), process.patience
    )
