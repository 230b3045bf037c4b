"""The local lab as it is now: its status, and everything worth looking at when something is wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from lab.access import Access
from lab.engine import names, ports
from lab.engine.base import ServiceStatus, Status
from lab.engine.local import processes, services
from lab.engine.local.instance import Instance
from lab.engine.local.supervisor import RUNNING
from lab.host import Check, checks
from lab.pins import ENVIRONMENTS


def status(instance: Instance) -> Status:
    """See lab.engine.base.Engine.status."""
    memory = processes.memory(instance.paths.home)
    states = instance.supervisor().states()
    if not states:
        state = "unsupervised" if memory.processes else "down"
        return Status("local", state, [], {}, memory.total, memory.kind)
    access = instance.access()
    found = [service_status(instance, access, name, states.get(name, {})) for name in services.names(instance.settings)]
    state = "healthy" if all(service.state == "healthy" for service in found) else "degraded"
    urls = {"airflow": access.airflow_url, "repository": access.repository_url, "s3": access.s3_url}
    return Status("local", state, found, urls, memory.total, memory.kind)


def service_status(instance: Instance, access: Access, name: str, info: dict[str, Any]) -> ServiceStatus:
    """One service: what the supervisor says of its process, and whether it answers."""
    urls = {names.GIT: access.git_url, names.LOCALSTACK: access.s3_url, names.API_SERVER: access.airflow_url}
    running = info.get("statename") == RUNNING
    if not running:
        reason = str(info.get("description") or "not started")
        return ServiceStatus(name, str(info.get("statename", "unknown")).lower(), reason, urls.get(name, ""))
    reason = instance.trouble(name)
    uptime = round(time.time() - info["start"], 1)
    state = "starting" if reason else "healthy"
    return ServiceStatus(name, state, reason, urls.get(name, ""), info["pid"], uptime)


def diagnose(instance: Instance) -> list[Check]:
    """See lab.engine.base.Engine.diagnose."""
    current = {name: instance.environment(name).is_current() for name in ENVIRONMENTS}
    found = checks(instance.paths, installs=not all(current.values()), starts=not instance.is_up())
    for name, is_current in current.items():
        told = ("ok", "installed from its lock") if is_current else ("warn", "not installed yet")
        found.append(Check(f"environment {name}", *told, hint="make lab-up"))
    left = list(leftovers(instance))
    if left:
        found.append(Check("processes", "fail", f"left over: {', '.join(left)}", "make lab-down ends them"))
    if not instance.is_up():
        return found + [diagnose_port(instance, name, default) for name, default in ports.DEFAULTS.items()]
    for service in status(instance).services:
        state = "ok" if service.state == "healthy" else "fail"
        hint = f"make lab-logs SERVICE={service.name}"
        found.append(Check(service.name, state, service.reason or service.state, hint))
    return found


def diagnose_port(instance: Instance, name: str, default: int) -> Check:
    """Whether the port that the lab would take first is free."""
    wanted = getattr(instance.settings.ports, name)
    port = wanted or default
    if ports.is_free(port):
        return Check(f"port {port}", "ok", f"free for {name}")
    state = "fail" if wanted else "warn"
    hint = f"set another ports.{name}" if wanted else f"nothing to do: the lab finds another port for {name}"
    return Check(f"port {port}", state, f"in use by {ports.owner(port)}", hint)


def leftovers(instance: Instance) -> Iterator[str]:
    """Processes of the lab that nothing supervises, one line each."""
    if not instance.is_up():
        for process in processes.own_processes(instance.paths.home):
            yield f"{process.name()} (pid {process.pid})"
