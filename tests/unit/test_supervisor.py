"""The process supervisor, for real: what it keeps, restarts, gives up on and ends."""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lab.engine.local import processes
from lab.engine.local.supervisor import RUNNING, Program, Supervisor
from lab.engine.ports import first_free
from lab.errors import ServiceError
from lab.paths import Paths
from lab.proc import clean_environment
from lab.secrets import Secrets
from tests.unit.support import PATIENT, program
from tests.waiting import eventually

SECRET = "only-in-the-environment"


def started(folder: Path, *names: str) -> Supervisor:
    paths = Paths.of(folder)
    Secrets(paths.secrets).ensure()
    supervisor = Supervisor(paths, first_free([], {}), names, retries=1)
    supervisor.start(clean_environment({"LAB_HOME": str(paths.home)}))
    return supervisor


@pytest.fixture(scope="module")
def supervisor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """One supervisord for all tests: each more would take seconds to end."""
    running = started(tmp_path_factory.mktemp("lab % ä"), "one", "hopeless")
    yield running
    running.call("stopAllProcesses", False)  # all at once; a shutdown ends one after the other
    running.shut_down(20)
    processes.end_all(running.paths.home)


def service(supervisor: Supervisor, name: str, code: str = PATIENT, **variables: str) -> Program:
    environment = clean_environment({"LAB_HOME": str(supervisor.paths.home), "TOKEN": SECRET, **variables})
    return Program(name, [sys.executable, "-c", code], environment, str(supervisor.paths.home))


def pid_of(supervisor: Supervisor, name: str) -> int:
    """The pid of a service that runs well."""
    eventually(lambda: supervisor.states()[name]["statename"] == RUNNING, name)
    return int(supervisor.states()[name]["pid"])


def test_a_killed_service_comes_back_automatically(supervisor: Supervisor) -> None:
    supervisor.ensure(service(supervisor, "one"))
    before = pid_of(supervisor, "one")
    os.kill(before, signal.SIGKILL)
    eventually(lambda: supervisor.states()["one"]["pid"] not in {0, before}, "a new process")
    assert pid_of(supervisor, "one") != before


def test_a_service_that_runs_as_described_is_left_unchanged(supervisor: Supervisor) -> None:
    supervisor.ensure(service(supervisor, "one"))
    before = pid_of(supervisor, "one")
    assert supervisor.is_current(service(supervisor, "one"))
    supervisor.ensure(service(supervisor, "one"))
    assert pid_of(supervisor, "one") == before
    assert supervisor.failed("one") == ""


def test_a_service_that_cannot_start_is_given_up_with_the_reason(supervisor: Supervisor) -> None:
    hopeless = service(supervisor, "hopeless", "raise SystemExit('no such database: x')")
    supervisor.ensure(hopeless)
    eventually(lambda: supervisor.failed("hopeless"), "giving up")
    assert supervisor.failed("hopeless").startswith("hopeless ends as soon as it starts: ")
    assert supervisor.last_lines("hopeless").endswith("no such database: x")
    assert not supervisor.is_current(hopeless)


def test_no_secret_stands_in_the_command_line_of_any_process(supervisor: Supervisor) -> None:
    supervisor.ensure(service(supervisor, "one"))
    pid_of(supervisor, "one")
    lines = [" ".join(process.cmdline()) for process in processes.own_processes(supervisor.paths.home)]
    assert len(lines) >= 2
    for secret in (SECRET, Secrets(supervisor.paths.secrets)["supervisor-password"]):
        assert not any(secret in line for line in lines)


def test_configuration_and_logs_are_the_owners_alone(supervisor: Supervisor) -> None:
    supervisor.ensure(service(supervisor, "one"))
    eventually(lambda: "up" in supervisor.last_lines("one"), "a log")
    configuration = [supervisor.paths.run / "supervisord.conf", supervisor.service_file("one")]
    assert {stat.S_IMODE(file.stat().st_mode) for file in configuration} == {0o600}
    assert stat.S_IMODE(supervisor.paths.logs.stat().st_mode) == 0o700


def test_only_the_labs_password_reaches_it(supervisor: Supervisor) -> None:
    server = xmlrpc.client.ServerProxy(f"http://lab:another@127.0.0.1:{supervisor.port}/RPC2")
    with server, pytest.raises(xmlrpc.client.ProtocolError, match="Unauthorized"):
        server.supervisor.getState()


def test_the_password_goes_to_no_program_that_listens_in_its_place(supervisor: Supervisor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as another:
        another.settimeout(0)
        misled = Supervisor(supervisor.paths, another.getsockname()[1], ())
        with pytest.raises(ServiceError, match="does not listen on its port"):
            misled.call("getState")
        with pytest.raises(BlockingIOError):
            another.accept()


def test_a_service_that_is_described_otherwise_is_restarted_so(supervisor: Supervisor) -> None:
    supervisor.ensure(service(supervisor, "one"))
    before = pid_of(supervisor, "one")
    other = service(supervisor, "one", LEVEL="2")
    assert not supervisor.is_current(other)
    supervisor.ensure(other)
    after = pid_of(supervisor, "one")
    assert after != before
    assert psutil.Process(after).environ()["LEVEL"] == "2"


def test_to_stop_what_does_not_run_is_no_error(supervisor: Supervisor) -> None:
    supervisor.stop("one")
    supervisor.stop("one")
    eventually(lambda: supervisor.states()["one"]["statename"] == "STOPPED", "one")


def test_shut_down_ends_every_process(tmp_path: Path) -> None:
    supervisor = started(tmp_path / "lab", "one")
    supervisor.ensure(service(supervisor, "one"))
    pid_of(supervisor, "one")
    supervisor.shut_down(20)
    assert supervisor.process() is None
    assert list(processes.own_processes(supervisor.paths.home)) == []
    assert supervisor.states() == {}


def test_a_pid_that_another_program_has_by_now_is_not_the_supervisor(tmp_path: Path) -> None:
    supervisor = Supervisor(Paths.of(tmp_path), 1, ())
    supervisor.pid_file.parent.mkdir(parents=True)
    with program(PATIENT, dict(os.environ)) as another:
        supervisor.pid_file.write_text(str(another.pid), "utf-8")
        assert supervisor.process() is None
        supervisor.shut_down(20)
        assert another.poll() is None


@pytest.mark.parametrize("content", ["", "x", "-1", "0", "999999999"])
def test_a_broken_pid_file_means_that_nothing_runs(tmp_path: Path, content: str) -> None:
    supervisor = Supervisor(Paths.of(tmp_path), 1, ())
    supervisor.pid_file.parent.mkdir(parents=True)
    supervisor.pid_file.write_text(content, "utf-8")
    assert supervisor.process() is None
