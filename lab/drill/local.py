"""The fault injector of the local engine: processes get signals, services are stopped by the lab's supervisor."""

from __future__ import annotations

import contextlib
import functools
import signal
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab import services
from lab.airflow.processes import is_task
from lab.drill.plan import GIT_AWAY, S3_503, S3_TIMEOUT, TASKS
from lab.drill.refusing import refusing, resetting
from lab.engine.local.instance import LocalInstance
from lab.engine.local.processes import own_processes
from lab.engine.local.services import process_of
from lab.engine.local.supervisor import BACKOFF, RUNNING, STARTING
from lab.services.git import GIT
from lab.services.storage import LOCALSTACK
from lab.wait import NotYetError, wait_until

StandIn = Callable[[str, int], AbstractContextManager[None]]
"""Serves at a host and a port while its block runs."""
PORT_LIMIT = 10
"""Seconds until the port of a service that was killed can be taken."""


@dataclass(frozen=True)
class LocalStep:
    """A process `python -m lab.pipeline <step>`."""

    process: psutil.Process

    def outlives(self, seconds: float) -> bool:
        try:
            self.process.wait(max(0.001, self.process.create_time() + seconds - time.time()))
        except psutil.TimeoutExpired:
            return True
        except psutil.Error:
            return False
        return False

    def lasts(self, limit: float) -> float:
        with contextlib.suppress(psutil.TimeoutExpired):
            self.process.wait(limit)
        return time.time() - self.process.create_time()

    def kill(self) -> bool:
        return strike(self.process, signal.SIGKILL)

    def kill_task(self) -> bool:
        """Its parent is the process that Airflow forked for the task; a step that outlived that has another parent."""
        try:
            parent = self.process.parent()
            if parent is None or not is_task(parent.cmdline()):
                return False
        except psutil.Error:
            return False
        return strike(parent, signal.SIGKILL)

    def evict(self) -> bool:
        return strike(self.process, signal.SIGTERM)


def strike(process: psutil.Process, number: signal.Signals) -> bool:
    """Send the signal; return whether the process was alive."""
    with contextlib.suppress(psutil.NoSuchProcess):
        if process.status() != psutil.STATUS_ZOMBIE:
            process.send_signal(number)
            return True
    return False


@dataclass(frozen=True)
class LocalInjector:
    """See lab.drill.injector.FaultInjector for what each method promises."""

    instance: LocalInstance

    @property
    def runs_folder(self) -> Path:
        return self.instance.paths.shared / "runs"

    def find(self, run_id: str, task: str) -> LocalStep | None:
        return next((LocalStep(process) for process in self.steps(run_id, TASKS[task])), None)

    def at_work(self, run_id: str) -> bool:
        return any(self.steps(run_id, *TASKS.values()))

    def steps(self, run_id: str, *names: str) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                line = process.cmdline()
                if (
                    line[1:3] == ["-m", "lab.pipeline"]
                    and line[3:4] in [[name] for name in names]
                    and process.environ().get("PIPELINE_RUN_ID") == run_id
                    and process.status() != psutil.STATUS_ZOMBIE
                ):
                    yield process

    def prepare(self, faults: set[str]) -> None:
        """Nothing: everything is available."""

    @contextmanager
    def away(self, fault: str) -> Iterator[None]:
        take: dict[str, Callable[[], AbstractContextManager[None]]] = {
            S3_503: functools.partial(self.replaced, LOCALSTACK, "s3", refusing),
            S3_TIMEOUT: self.s3_hangs,
            GIT_AWAY: functools.partial(self.replaced, GIT, "git", resetting),
        }
        with take[fault]():
            yield

    @contextmanager
    def replaced(self, name: str, port: str, stand_in: StandIn) -> Iterator[None]:
        """The stand-in in the place of a service that is killed."""
        try:
            self.stop_at_once(name)
            with self.in_place(port, stand_in):
                yield
        finally:
            self.start(name)

    @contextmanager
    def s3_hangs(self) -> Iterator[None]:
        held = self.service_processes(LOCALSTACK)
        try:
            for process in held:
                process.suspend()
            yield
        finally:
            for process in held:
                strike(process, signal.SIGCONT)
            self.start(LOCALSTACK)

    @contextmanager
    def in_place(self, port: str, stand_in: StandIn) -> Iterator[None]:
        """The stand-in at the port of a service that was killed, as soon as that is free."""

        def take() -> None:
            try:
                taken.enter_context(stand_in("127.0.0.1", self.instance.port(port)))
            except OSError as error:
                raise NotYetError(str(error)) from error

        with contextlib.ExitStack() as taken:
            wait_until(take, what="the port of a service that was killed", limit=PORT_LIMIT, pause=0.05)
            yield

    def service_processes(self, name: str) -> list[psutil.Process]:
        pid = self.instance.supervisor().states()[name]["pid"]
        return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)] if pid else []

    def stop_at_once(self, name: str) -> None:
        """Stop a service for good, without its usual time to finish its work."""
        supervisor = self.instance.supervisor()
        with contextlib.suppress(xmlrpc.client.Fault):  # NOT_RUNNING: it has ended already
            supervisor.call("stopProcess", name, False)
            supervisor.call("signalProcess", name, "KILL")

    def start(self, name: str) -> None:
        """Start a service, and wait until it answers."""
        access, supervisor = self.instance.access(), self.instance.supervisor()
        ready = process_of(services.find(name)).ready

        def probe() -> None:
            if supervisor.states()[name]["statename"] not in {RUNNING, STARTING, BACKOFF}:
                with contextlib.suppress(xmlrpc.client.Fault):  # it is still ending
                    supervisor.call("startProcess", name, False)
            ready(access, 0)

        self.instance.wait_for(name, probe, name)

    def restore(self) -> None:
        if not self.instance.is_up():  # the services that are down start with the lab
            return
        for process in own_processes(self.instance.paths.home):
            with contextlib.suppress(psutil.Error):
                if process.status() == psutil.STATUS_STOPPED:
                    process.resume()
        for name in (GIT, LOCALSTACK):
            self.start(name)
