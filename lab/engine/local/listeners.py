"""Whether the lab's own process listens on a port, before its answer is believed or a password is sent there.

A port is free while a service starts again, and any user of the machine may listen there in the meantime.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

from lab import services
from lab.engine import ports
from lab.engine.local.processes import own_processes
from lab.services import LOCAL

PORTS = {service.name: service.port.name for service in services.running(LOCAL) if service.port}
"""The services that listen, and the name of the port of each (lab.engine.ports)."""
ASKED = {service.name: service.reported_by for service in services.running(LOCAL) if service.reported_by}
"""Services and the service that reports their health."""


def listens(process: psutil.Process | None, port: int) -> bool:
    """Whether the process, or one that it started, listens on `port`."""
    with contextlib.suppress(psutil.Error):
        return process is not None and (
            has_socket(process, port) or any(has_socket(child, port) for child in process.children(recursive=True))
        )
    return False


def has_socket(process: psutil.Process, port: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(
            each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port
            for each in process.net_connections("tcp")
        )
    return False


def foreign(process: psutil.Process | None, port: int, home: Path) -> str:
    """The program that listens on `port` in place of `process`, as `name (pid 123)`; nothing if none does.

    This program itself is allowed, because `lab drill` stands in for services that it has stopped, and so is what a
    service of the lab at `home` has left behind.
    """
    # The service is looked for twice: it may begin to listen in between.
    if not port or listens(process, port) or ports.is_free(port) or listens(process, port):
        return ""
    own = (psutil.Process(), *own_processes(home))
    return "" if any(has_socket(each, port) for each in own) else ports.owner(port)
