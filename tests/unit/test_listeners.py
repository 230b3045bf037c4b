"""Ports of the local engine that another program has taken: it is named, not trusted, and gets no password."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.config import PortSettings, Settings
from lab.drill.refusing import refusing
from lab.engine.local import LocalEngine, processes
from lab.engine.local.supervisor import RUNNING, Program
from lab.engine.ports import settle
from lab.errors import ServiceError
from lab.paths import SOURCE, Paths
from lab.proc import clean_environment
from lab.secrets import Secrets
from lab.services.git import GIT
from tests.unit.support import PATIENT, program
from tests.waiting import eventually

LISTEN = """
import signal, socket, sys
listening = socket.create_server(("127.0.0.1", {port}))
print("up", flush=True)
signal.pause()
"""

ASK = """
import sys
from pathlib import Path
from lab.config import Settings
from lab.engine.local.instance import LocalInstance
from lab.paths import Paths
print(LocalInstance(Paths.of(Path(sys.argv[1]).parent), Settings()).squatters())
"""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[LocalEngine]:
    """A local lab with a running supervisor, settled ports and no service."""
    paths = Paths.of(tmp_path)
    Secrets(paths.secrets).ensure()
    made = LocalEngine(paths, Settings(engine="local"))
    settle(made.instance.port_file, PortSettings())
    made.instance.supervisor().start(clean_environment({"LAB_HOME": str(paths.home)}))
    yield made
    made.instance.supervisor().shut_down(20)
    processes.end_all(paths.home)


def start_git(engine: LocalEngine, code: str) -> None:
    """A program instead of the Git server, under the supervisor."""
    environment = clean_environment({"LAB_HOME": str(engine.paths.home)})
    engine.instance.start(Program(GIT, [sys.executable, "-c", code], environment, str(engine.paths.home)))
    supervisor = engine.instance.supervisor()
    eventually(lambda: supervisor.states()[GIT]["statename"] == RUNNING, "the service")
    eventually(lambda: "up" in supervisor.last_lines(GIT), "its first line")


def must_not_be_asked() -> None:
    pytest.fail("a program that is not the lab's was asked")


def test_the_labs_own_service_is_believed(engine: LocalEngine) -> None:
    port = engine.instance.port("git")
    start_git(engine, LISTEN.format(port=port))
    asked: list[None] = []
    engine.instance.wait_for(GIT, lambda: asked.append(None), "Git")
    assert len(asked) == 1
    assert engine.access().url("git").endswith(f":{port}")


def test_what_this_command_itself_puts_in_place_of_a_service_is_the_labs(engine: LocalEngine) -> None:
    """As `lab drill` does while a service is away."""
    start_git(engine, PATIENT)
    with refusing("127.0.0.1", engine.instance.port("git")):
        assert engine.access().url("git")


def test_what_a_service_of_the_lab_has_left_behind_is_the_labs(engine: LocalEngine) -> None:
    port = engine.instance.port("git")
    start_git(engine, PATIENT)
    with program(LISTEN.format(port=port), {**os.environ, "LAB_HOME": str(engine.paths.home)}) as left:
        assert left.pid != engine.instance.supervisor().states()[GIT]["pid"]
        # Not a child of this program, which would be an install under way.
        command = [sys.executable, "-c", ASK, str(engine.paths.home)]
        asked = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=True)
        assert asked.stdout == "[]\n"


def test_a_child_of_the_service_may_listen_for_it(engine: LocalEngine) -> None:
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {LISTEN!r}.format(port={{port}})])"
    start_git(engine, child.format(port=engine.instance.port("git")))
    assert engine.access().url("git")


COMMANDS: dict[str, Callable[[LocalEngine], object]] = {
    "wait": lambda engine: engine.instance.wait_for(GIT, must_not_be_asked, "Git"),
    "access": lambda engine: engine.access(),
    "shell": lambda engine: engine.shell_environment(),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_program_that_listens_in_place_of_a_service_is_named_and_not_asked(engine: LocalEngine, command: str) -> None:
    port = engine.instance.port("git")
    start_git(engine, PATIENT)
    with program(LISTEN.format(port=port), dict(os.environ)) as squatter:
        with pytest.raises(ServiceError) as error:
            COMMANDS[command](engine)
        assert f"port {port} of the service git is in use by" in error.value.message
        assert f"(pid {squatter.pid})" in error.value.message
        (git,) = [service for service in engine.status().services if service.name == GIT]
        assert (git.state, git.reason) == ("starting", error.value.message)


def test_the_next_up_chooses_another_port(engine: LocalEngine) -> None:
    port = engine.instance.port("git")
    start_git(engine, PATIENT)
    with program(LISTEN.format(port=port), dict(os.environ)) as squatter:
        (line,) = engine.before_up()
        assert line.startswith(f"Port {port} of the service git is in use by")
        assert f"(pid {squatter.pid})" in line
        assert not engine.instance.is_up()
        assert settle(engine.instance.port_file, PortSettings())["git"] != port
        assert squatter.poll() is None
