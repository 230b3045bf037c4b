"""The current state of the local lab: its status, and checks for when something is wrong."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import psutil

from lab import services
from lab.access import LoopbackAccess
from lab.engine import ports
from lab.engine.base import ServiceStatus, Status
from lab.engine.health import dag_checks, import_errors
from lab.engine.local import processes
from lab.engine.local.instance import LocalInstance
from lab.engine.local.supervisor import RUNNING, STARTING
from lab.host import Check, checks
from lab.services import LOCAL, Service
from lab.services.airflow import API_SERVER


def status(instance: LocalInstance) -> Status:
    """See lab.engine.base.Engine.status."""
    memory = processes.memory(instance.paths.home)
    states = instance.supervisor().states()
    if not states:
        state = "unsupervised" if memory.processes else "down"
        return Status("local", state, [], {}, memory.total, memory.kind)
    access = instance.access()
    running = services.running(LOCAL, instance.settings)
    found = [service_status(instance, access, service, states.get(service.name, {})) for service in running]
    state = "healthy" if all(service.state == "healthy" for service in found) else "degraded"
    urls = {label.lower(): url for label, url in services.addresses(access).items()}
    answers = any(service.name == API_SERVER and service.state == "healthy" for service in found)
    faults = import_errors(access) if answers else []
    return Status("local", state, found, urls, memory.total, memory.kind, faults)


def service_status(
    instance: LocalInstance, access: LoopbackAccess, service: Service, info: dict[str, Any]
) -> ServiceStatus:
    """One service: what the supervisor says of its process, and whether it answers."""
    name, url = service.name, access.url(service.port.name) if service.port else ""
    running = info.get("statename") == RUNNING
    if not running:
        state = str(info.get("statename", "unknown")).lower()
        return ServiceStatus(name, state, why_not_running(info), url)
    reason = instance.trouble(name)
    uptime = round(time.time() - info["start"], 1)
    state = "starting" if reason else "healthy"
    return ServiceStatus(name, state, reason, url, info["pid"], uptime)


def why_not_running(info: dict[str, Any]) -> str:
    """Why a service has no process, from supervisord's `getProcessInfo`: states, and times in seconds since 1970."""
    state, ago = info.get("statename"), max(0, int(info.get("now", 0)) - int(info.get("stop", 0)))
    if state in {"EXITED", "BACKOFF"}:  # supervisord starts it again within seconds
        return f"exited {ago} s ago, restarting" if info.get("stop") else "exited, restarting"
    if state == "FATAL":
        return f"ends as soon as it starts, and is no longer restarted: {info.get('spawnerr') or 'see its log'}"
    return {STARTING: "started less than a second ago"}.get(str(state), str(info.get("description") or "not started"))


def diagnose(instance: LocalInstance) -> list[Check]:
    """See lab.engine.base.Engine.diagnose."""
    current = {name: instance.environment(name).is_current() for name in services.environments()}
    found = checks(instance.paths, installs=not all(current.values()), starts=not instance.is_up())
    for name, is_current in current.items():
        result = ("ok", "installed from its lock") if is_current else ("warn", "not installed yet")
        found.append(Check(f"environment {name}", *result, hint="make lab-up"))
    left = list(leftovers(instance))
    if left:
        found.append(Check("processes", "fail", f"still running: {', '.join(left)}", "make lab-down ends them"))
    if not instance.is_up():
        return found + [diagnose_port(instance, name, default) for name, default in ports.DEFAULTS.items()]
    now = status(instance)
    for service in now.services:
        state = "ok" if service.state == "healthy" else "fail"
        hint = f"make lab-logs SERVICE={service.name}"
        found.append(Check(service.name, state, service.reason or service.state, hint))
    return [*found, *dag_checks(now.import_errors)]


def diagnose_port(instance: LocalInstance, name: str, default: int) -> Check:
    """Whether the port that the lab would take first is free."""
    wanted = getattr(instance.settings.ports, name)
    port = wanted or default
    if ports.is_free(port):
        return Check(f"port {port}", "ok", f"free for {name}")
    state = "fail" if wanted else "warn"
    hint = f"set another ports.{name}" if wanted else f"nothing to do: the lab finds another port for {name}"
    return Check(f"port {port}", state, f"in use by {ports.owner(port)}", hint)


def leftovers(instance: LocalInstance) -> Iterator[str]:
    """Processes of the lab that nothing supervises, one line each."""
    if not instance.is_up():
        for process in processes.own_processes(instance.paths.home):
            yield f"{service_of(instance, process)} (pid {process.pid})"


def service_of(instance: LocalInstance, process: psutil.Process) -> str:
    """The service with the command that the process runs, else the name of its program."""
    supervisor = instance.supervisor()
    with contextlib.suppress(psutil.Error):
        line = process.cmdline()  # the interpreter of a script comes first
        for name in (service.name for service in services.running(LOCAL)):
            command = (supervisor.written(name) or {}).get("command")
            if command and line[-len(command) :] == command:
                return name
    return process.name()
