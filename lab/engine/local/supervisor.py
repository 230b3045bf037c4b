"""The process supervisor (supervisord): runs the services, restarts them, and limits the size of their logs.

Reached over its XML-RPC interface on loopback (http://supervisord.org/api.html) with a generated password.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import shlex
import sys
import xmlrpc.client
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from lab.engine.local.listeners import listens
from lab.errors import ServiceError
from lab.paths import Paths
from lab.proc import SUPERVISOR_PID, own_process, run, tail
from lab.secrets import Secrets, write_private
from lab.wait import NotYetError, wait_until

RUNNING, STARTING, BACKOFF = "RUNNING", "STARTING", "BACKOFF"


@dataclass(frozen=True)
class Program:
    """What to run and keep running: a command with its environment, in a folder."""

    name: str
    command: list[str]
    environment: dict[str, str]
    folder: str
    patience: int = 10
    """Seconds that it has to end after SIGTERM."""


@dataclass(frozen=True)
class Supervisor:
    """supervisord of one lab; `names` are the services it knows."""

    paths: Paths
    port: int
    names: tuple[str, ...]
    patience: dict[str, int] = field(default_factory=dict)
    retries: int = 8
    """How often a service that ends as soon as it starts is started again, each time a second later."""

    @property
    def pid_file(self) -> Path:
        return self.paths.home / SUPERVISOR_PID

    def service_file(self, name: str) -> Path:
        return self.paths.run / "services" / f"{name}.json"

    def log_file(self, name: str) -> Path:
        return self.paths.logs / f"{name}.log"

    def process(self) -> psutil.Process | None:
        """The running supervisord of this lab, or None; a pid that another program has reused does not count."""
        return own_process(self.pid_file, self.paths.home)

    def start(self, environment: dict[str, str]) -> None:
        """Start supervisord with no service running yet, and wait until it answers."""
        for folder in (
            self.paths.logs,
            self.paths.run / "services",
            self.paths.temporary,
            self.paths.user_home,
        ):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        configuration = self.paths.run / "supervisord.conf"
        write_private(configuration, self.configuration())
        program = Path(sys.executable).with_name("supervisord")
        run([program, "-c", configuration], env=environment, cwd=self.paths.home, limit=30)
        wait_until(
            self.answer,
            what="the process supervisor",
            limit=15,
            detail=lambda: self.last_lines("supervisord"),
        )

    def answer(self) -> None:
        try:
            self.call("getState")
        except ServiceError as error:
            raise NotYetError(error.message) from error

    def configuration(self) -> str:
        """Paths are relative to the lab's home, in which supervisord is started: a checkout may have any name."""
        password = Secrets(self.paths.secrets)["supervisor-password"]
        launcher = shlex.join(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))],
        ).replace("%", "%%")
        sections = [
            "[supervisord]",
            "logfile=logs/supervisord.log",
            "logfile_maxbytes=1MB",
            "logfile_backups=1",
            f"pidfile={SUPERVISOR_PID}",
            "childlogdir=logs",
            "umask=077",
            "[inet_http_server]",
            f"port=127.0.0.1:{self.port}",
            "username=lab",
            f"password={password}",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        ]
        for name in self.names:
            sections += [
                f"[program:{name}]",
                f"command={launcher} run/services/{name}.json",
                "autostart=false",
                "autorestart=true",
                "startsecs=1",
                f"startretries={self.retries}",
                f"stopwaitsecs={self.patience.get(name, 10)}",
                "stopasgroup=true",
                "killasgroup=true",
                "redirect_stderr=true",
                f"stdout_logfile=logs/{name}.log",
                "stdout_logfile_maxbytes=5MB",
                "stdout_logfile_backups=2",
            ]
        return "\n".join(sections) + "\n"

    def call(self, method: str, *arguments: object) -> Any:
        """Call `supervisor.<method>`.

        The password goes to supervisord only: nothing is sent where its process does not listen on its port.

        Raises:
            ServiceError: it does not answer. Faults of the method itself are xmlrpc.client.Fault.
        """
        if not listens(self.process(), self.port):
            message = f"the process supervisor does not listen on its port {self.port}"
            raise ServiceError(message, "make lab-down, then make lab-up")
        password = Secrets(self.paths.secrets)["supervisor-password"]
        token = base64.b64encode(f"lab:{password}".encode()).decode()
        proxy = xmlrpc.client.ServerProxy(
            f"http://127.0.0.1:{self.port}/RPC2",
            headers=[("Authorization", f"Basic {token}")],
            allow_none=True,
        )
        with proxy:
            try:
                return getattr(proxy.supervisor, method)(*arguments)
            except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
                raise ServiceError(f"the process supervisor does not answer: {error}", "make lab-up") from error

    def states(self) -> dict[str, dict[str, Any]]:
        """What supervisord says of each service: statename, pid, start (seconds since 1970), spawnerr."""
        if self.process() is None:
            return {}
        return {info["name"]: info for info in self.call("getAllProcessInfo")}

    def is_current(self, program: Program) -> bool:
        """Whether the program runs with exactly this command and environment."""
        state = self.states().get(program.name, {}).get("statename")
        return state == RUNNING and self.written(program.name) == asdict(program)

    def written(self, name: str) -> dict[str, Any] | None:
        try:
            content: dict[str, Any] = json.loads(self.service_file(name).read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return content

    def ensure(self, program: Program) -> None:
        """Run the program as described; one that runs with another description is restarted."""
        if self.is_current(program):
            return
        self.stop(program.name)
        write_private(self.service_file(program.name), json.dumps(asdict(program)))
        with contextlib.suppress(xmlrpc.client.Fault):  # ABNORMAL_TERMINATION: reported by the wait for its health
            self.call("startProcess", program.name, False)

    def stop(self, name: str) -> None:
        with contextlib.suppress(xmlrpc.client.Fault):  # NOT_RUNNING
            self.call("stopProcess", name)

    def failed(self, name: str) -> str:
        """Why the service will not start without help, or nothing."""
        info = self.states().get(name, {})
        if info.get("statename") in {"FATAL", "EXITED", "UNKNOWN"}:
            return f"{name} ends as soon as it starts: {info.get('spawnerr') or info.get('description')}"
        return ""

    def last_lines(self, name: str, lines: int = 12) -> str:
        try:
            return tail(self.log_file(name).read_bytes()[-20_000:], lines)
        except FileNotFoundError:
            return ""

    def shut_down(self, limit: float) -> None:
        """Stop all services and supervisord itself."""
        process = self.process()
        if process is None:
            return
        with contextlib.suppress(ServiceError, xmlrpc.client.Fault):
            self.call("stopAllProcesses", False)  # all at once; `shutdown` alone ends one after the other
            self.call("shutdown")
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(limit)
