"""Ports: the usual ones where they are free, others where they are not, those of last time where that is possible."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.config import PortSettings
from lab.engine import ports
from lab.errors import PortTakenError
from lab.proc import SUPERVISOR_PID


@contextlib.contextmanager
def listener(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A port that this process listens on."""
    with socket.socket() as server:
        server.bind((host, port))
        server.listen()
        yield int(server.getsockname()[1])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run" / "ports.json"


@pytest.fixture(autouse=True)
def defaults(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Defaults that are free on this machine now; a lab may be running on the usual ones."""
    chosen: dict[str, int] = {}
    for name in ports.DEFAULTS:
        chosen[name] = next(port for port in iter(ports.any_free, None) if port not in chosen.values())
    monkeypatch.setattr(ports, "DEFAULTS", chosen)
    return chosen


def test_free_defaults_are_taken(file: Path, defaults: dict[str, int]) -> None:
    settled = ports.settle(file, PortSettings())
    assert {name: settled[name] for name in defaults} == defaults


def test_a_taken_default_gives_way_to_a_free_port(file: Path, defaults: dict[str, int]) -> None:
    with listener(port=defaults["git"]):
        settled = ports.settle(file, PortSettings())
        assert settled["git"] != defaults["git"]
        assert ports.is_free(settled["git"])
    assert settled["s3"] == defaults["s3"]


def test_a_default_taken_on_all_addresses_is_taken(defaults: dict[str, int]) -> None:
    with listener("0.0.0.0", defaults["git"]):  # noqa: S104 - what another program does
        assert not ports.is_free(defaults["git"])


def test_a_port_set_by_hand_is_used(file: Path) -> None:
    free = ports.any_free()
    assert ports.settle(file, PortSettings(s3=free))["s3"] == free


def test_a_taken_port_set_by_hand_is_refused_naming_setting_and_owner(file: Path) -> None:
    with listener() as port, pytest.raises(PortTakenError) as caught:
        ports.settle(file, PortSettings(git=port))
    assert f"ports.git = {port}" in caught.value.message
    assert f"(pid {os.getpid()})" in caught.value.message
    assert caught.value.hint
    assert not file.exists()


def test_a_port_set_by_hand_is_not_given_to_another_service(file: Path, defaults: dict[str, int]) -> None:
    settled = ports.settle(file, PortSettings(git=defaults["airflow"]))
    assert settled["git"] == defaults["airflow"]
    assert len(set(settled.values())) == len(settled)


def test_ports_are_kept_between_runs_while_they_are_free(file: Path, defaults: dict[str, int]) -> None:
    with listener(port=defaults["git"]):
        first = ports.settle(file, PortSettings())
    assert ports.settle(file, PortSettings()) == first == ports.read(file)


def test_a_kept_port_that_is_taken_since_gives_way(file: Path, defaults: dict[str, int]) -> None:
    with listener(port=defaults["git"]):
        first = ports.settle(file, PortSettings())
    with listener(port=first["git"]):
        second = ports.settle(file, PortSettings())
    assert second["git"] not in {first["git"], None}
    assert second["supervisor"] == first["supervisor"]


def test_services_never_share_a_port(file: Path) -> None:
    settled = ports.settle(file, PortSettings())
    assert len(set(settled.values())) == len(settled) == 4


def test_the_file_is_the_owners_alone(file: Path) -> None:
    ports.settle(file, PortSettings())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "{", '{"git": "x"}'])
def test_a_broken_file_counts_as_none(file: Path, content: str) -> None:
    file.parent.mkdir()
    file.write_text(content, "utf-8")
    assert ports.read(file) == {}


COMES_UP = """
import sys
from pathlib import Path
from lab.config import PortSettings
from lab.engine import ports
ports.DEFAULTS = {name: int(port) for name, port in zip(ports.DEFAULTS, sys.argv[2:])}
print(ports.settle(Path(sys.argv[1]), PortSettings()), flush=True)
input()
"""


def test_two_labs_that_come_up_together_choose_other_ports(tmp_path: Path, defaults: dict[str, int]) -> None:
    usual = set(defaults.values())
    first = [str(tmp_path / "first.json"), *map(str, defaults.values())]
    with subprocess.Popen(
        [sys.executable, "-c", COMES_UP, *first], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as coming_up:
        assert coming_up.stdout is not None
        coming_up.stdout.readline()
        theirs = set(ports.read(tmp_path / "first.json").values())
        ours = set(ports.settle(tmp_path / "second.json", PortSettings()).values())
        coming_up.communicate(b"\n")
    assert usual & theirs  # another program may have taken one since
    assert not theirs & ours


def test_the_claim_of_a_killed_lab_up_lasts_as_long_as_its_supervisor(
    tmp_path: Path, defaults: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "first"
    theirs = set(ports.settle(home / "run" / "ports.json", PortSettings()).values())
    for lock in ports.CLAIMED.values():  # as the end of the process does
        os.close(lock)
    monkeypatch.setattr(ports, "CLAIMED", {})
    environment = {**os.environ, "LAB_HOME": str(home)}
    with subprocess.Popen(["sleep", "60"], env=environment) as supervisor:
        (home / SUPERVISOR_PID).write_text(str(supervisor.pid), "utf-8")
        ours = set(ports.settle(tmp_path / "second" / "run" / "ports.json", PortSettings()).values())
        supervisor.kill()
    assert not theirs & ours
    third = set(ports.settle(tmp_path / "third" / "run" / "ports.json", PortSettings()).values())
    assert set(defaults.values()) & theirs & third
