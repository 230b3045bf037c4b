"""The services of the lab, one record each. A module of this package with `SERVICES` is found: there is no list.

Everything that concerns all services is a view of the records: names, ports, secrets, images, environments.
"""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lab.services.image import Image
from lab.services.record import CLUSTER, LOCAL, PIPELINE, Port, Secret, Service

if TYPE_CHECKING:
    from lab.access import Access
    from lab.config import Settings

__all__ = ["CLUSTER", "LOCAL", "PIPELINE", "SERVICES", "Service"]


def discovered(path: Iterable[str], package: str) -> tuple[Service, ...]:
    """The records of all modules in `path`, each after the services that it needs.

    Raises:
        ValueError: two records have one name, or a record needs a service that does not exist.
    """
    found: dict[str, Service] = {}
    for name in sorted(module.name for module in pkgutil.iter_modules(path)):
        for service in getattr(importlib.import_module(f"{package}.{name}"), "SERVICES", ()):
            if service.name in found:
                raise ValueError(f"there are two services {service.name!r}")
            found[service.name] = service
    ordered: dict[str, Service] = {}
    for service in found.values():
        add(service, found, ordered)
    return tuple(ordered.values())


def add(service: Service, found: Mapping[str, Service], ordered: dict[str, Service]) -> None:
    """Add the service to `ordered`, behind those that it needs."""
    for name in service.needs:
        if name not in found:
            raise ValueError(f"the service {service.name!r} needs {name!r}, which does not exist")
        if name not in ordered:
            add(found[name], found, ordered)
    ordered.setdefault(service.name, service)


SERVICES = discovered(__path__, __name__)


def find(name: str) -> Service:
    """The service of that name; KeyError if there is none."""
    return {service.name: service for service in SERVICES}[name]


def running(where: str, settings: Settings | None = None) -> list[Service]:
    """The services that run there (LOCAL or CLUSTER), in a lab with these settings or in any."""
    return [each for each in SERVICES if each.runs(where) and (settings is None or each.wanted(settings))]


def ports() -> dict[str, Port]:
    """The ports by which people reach services, by their names."""
    found = {service.port.name: service.port for service in SERVICES if service.port}
    return dict(sorted(found.items()))


def default_urls() -> dict[str, str]:
    """The URLs of a lab with the default ports, by the names of the ports."""
    return {name: f"http://127.0.0.1:{port.default}" for name, port in ports().items()}


def addresses(access: Access) -> dict[str, str]:
    """The URLs that people use, by the labels of the ports."""
    found = {}
    for name, port in ports().items():
        with contextlib.suppress(KeyError):  # this lab does not have it
            url = access.url(name)
            found[port.label] = port.address(access) if port.address else url
    return found


def secrets() -> list[Secret]:
    """The secrets of all services."""
    return [secret for service in SERVICES for secret in service.secrets]


def images() -> list[Image]:
    """The images of all services."""
    return [image for service in SERVICES for image in service.images]


def environments() -> list[str]:
    """The environments that the local engine installs: the pipeline's, and those of its services."""
    named = (each.process.packages for each in SERVICES if each.process and each.process.packages)
    return list(dict.fromkeys((PIPELINE, *named)))


def image_environments() -> list[str]:
    """The environments that are only in images."""
    named = dict.fromkeys(image.environment for image in images() if image.environment)
    return [name for name in named if name not in environments()]
