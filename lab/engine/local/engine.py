"""The local engine as the commands see it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.access import Access
from lab.config import Settings
from lab.engine.base import ServiceStatus, Status
from lab.engine.local import bring_up, ports, processes, services
from lab.engine.local.environments import Environment
from lab.engine.local.supervisor import RUNNING, Supervisor
from lab.engine.phases import Phase
from lab.errors import NotRunningError
from lab.host import Check, checks, require_host
from lab.paths import Paths
from lab.pins import ENVIRONMENTS
from lab.proc import clean_environment

DOWN_HINT = "make lab-up"


@dataclass
class LocalEngine:
    """See lab.engine.base.Engine for what each method promises."""

    paths: Paths
    settings: Settings
    name: str = "local"

    @property
    def port_file(self) -> Path:
        return self.paths.run / "ports.json"

    def environment(self, name: str) -> Environment:
        return Environment(self.paths, name)

    def supervisor(self) -> Supervisor:
        port = ports.read(self.port_file).get(ports.INTERNAL, 0)
        return Supervisor(self.paths, port, services.NAMES, services.PATIENCE)

    def make_access(self) -> Access:
        """How the lab is reached once its services run; ports must have been settled."""
        chosen = ports.read(self.port_file)
        urls = {name: f"http://127.0.0.1:{chosen.get(name, 0)}" for name in ports.DEFAULTS}
        return Access(self.paths, self.settings, urls["airflow"], urls["s3"], urls["git"])

    def before_up(self) -> None:
        fresh = not all(self.environment(name).is_current() for name in ENVIRONMENTS)
        require_host(self.paths, installs=fresh, starts=self.supervisor().process() is None)
        bring_up.require_same_settings(self)

    def phases(self) -> list[Phase]:
        return bring_up.phases(self)

    def access(self) -> Access:
        if self.supervisor().process() is None:
            raise NotRunningError("the lab is down", DOWN_HINT)
        return self.make_access()

    def status(self) -> Status:
        supervisor = self.supervisor()
        states = supervisor.states()
        if not states:
            left = list(self.leftovers())
            return Status(
                self.name,
                "down" if not left else "unsupervised",
                [],
                {},
                processes.memory(self.paths.home).total,
            )
        access = self.make_access()
        found = [self.service_status(access, name, states.get(name, {})) for name in services.NAMES]
        healthy = all(service.state == "healthy" for service in found)
        memory = processes.memory(self.paths.home)
        urls = {"airflow": access.airflow_url, "repository": access.repository_url, "s3": access.s3_url}
        return Status(self.name, "healthy" if healthy else "degraded", found, urls, memory.total, memory.kind)

    def service_status(self, access: Access, name: str, info: dict[str, object]) -> ServiceStatus:
        url = {services.GIT: access.git_url, services.LOCALSTACK: access.s3_url}.get(name, "")
        url = access.airflow_url if name == services.API_SERVER else url
        running = info.get("statename") == RUNNING
        reason = bring_up.trouble(access, name) if running else str(info.get("description") or "not started")
        return ServiceStatus(
            name=name,
            state="healthy"
            if running and not reason
            else "starting"
            if running
            else str(info.get("statename", "")).lower(),
            reason=reason,
            url=url,
            pid=int(str(info.get("pid") or 0)) or None,
            uptime_seconds=round(time.time() - float(str(info.get("start", 0))), 1) if running else None,
        )

    def down(self, *, purge: bool) -> list[str]:
        done = []
        supervisor = self.supervisor()
        was_up = supervisor.process() is not None
        supervisor.shut_down(limit=60)
        left = processes.end_all(self.paths.home)
        if was_up or left:
            done.append("all services have ended")
        for file in (self.paths.run / "supervisord.pid", self.paths.run / "settings.json"):
            file.unlink(missing_ok=True)
        shutil.rmtree(self.paths.temporary, ignore_errors=True)
        if purge and self.has_data():
            for folder in (
                self.paths.data,
                self.paths.secrets,
                self.paths.logs,
                self.paths.run,
                self.paths.user_home,
            ):
                shutil.rmtree(folder, ignore_errors=True)
            for cache in ("dvc", "localstack"):
                shutil.rmtree(self.paths.cache / cache, ignore_errors=True)
            done.append("data, secrets and logs are removed")
        return done

    def has_data(self) -> bool:
        return self.paths.data.exists() or self.paths.secrets.exists()

    def log_files(self) -> dict[str, Path]:
        supervisor = self.supervisor()
        return {name: supervisor.log_file(name) for name in (*services.NAMES, "supervisord")}

    def shell_environment(self) -> dict[str, str]:
        access = self.access()
        wanted = services.airflow_environment(access)
        # HOME, TMPDIR, PATH and Git's isolation are for services; a person keeps their own.
        private = {"HOME", "TMPDIR", "PATH", "LANG", "LAB_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"}
        kept = {
            name: value
            for name, value in wanted.items()
            if name not in private and not name.startswith(("PYTHON", "GIT_AUTHOR", "GIT_COMMITTER"))
        }
        quiet = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}  # `airflow dags list` prints a table, not its start-up
        return {**clean_environment(), **kept, **quiet, **access.dvc_variables()}

    def diagnose(self) -> list[Check]:
        running = self.supervisor().process() is not None
        current = {name: self.environment(name).is_current() for name in ENVIRONMENTS}
        found = checks(self.paths, installs=not all(current.values()), starts=not running)
        for name, is_current in current.items():
            state = "installed from its lock" if is_current else "not installed yet"
            found.append(Check(f"environment {name}", "ok" if is_current else "warn", state, "make lab-up"))
        left = list(self.leftovers())
        if left:
            found.append(Check("processes", "fail", f"left over: {', '.join(left)}", "make lab-down ends them"))
        if not running:
            found += [self.diagnose_port(name, default) for name, default in ports.DEFAULTS.items()]
        for service in self.status().services:
            good = service.state == "healthy"
            found.append(
                Check(
                    service.name,
                    "ok" if good else "fail",
                    service.reason or service.state,
                    f"make lab-logs SERVICE={service.name}",
                )
            )
        return found

    def diagnose_port(self, name: str, default: int) -> Check:
        wanted = getattr(self.settings.ports, name)
        port = wanted or default
        if ports.is_free(port):
            return Check(f"port {port}", "ok", f"free for {name}")
        state = "fail" if wanted else "warn"
        hint = f"set another ports.{name}" if wanted else f"nothing to do: the lab finds another port for {name}"
        return Check(f"port {port}", state, f"in use by {ports.owner(port)}", hint)

    def leftovers(self) -> Iterable[str]:
        if self.supervisor().process() is None:
            for process in processes.own_processes(self.paths.home):
                yield f"{process.name()} (pid {process.pid})"
