"""Docker that is missing, stopped, forbidden, hanging or too old: each command that needs it reports it in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab import docker
from lab.docker import inspect, require_engine
from lab.errors import HostError
from lab.paths import Paths
from tests.unit.conftest import Outcome
from tests.unit.support import fake_program

Lab = Callable[..., Outcome]
STOPPED = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
STOPPED_29 = "failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct"
FORBIDDEN = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"
NO_CONTEXT = 'Failed to initialize: unable to resolve docker endpoint: context "x": context not found'
TOO_NEW = "Error response from daemon: client version 1.99 is too new. Maximum supported API version is 1.41"
REFUSALS = [
    (STOPPED, "Docker is not running", "start Docker"),
    (STOPPED_29, "Docker is not running", "start Docker"),
    (FORBIDDEN, "Docker is running, but this user may not use it", "group docker"),
    (NO_CONTEXT, "Docker does not work", "docker version"),
    (TOO_NEW, "Docker does not work", "docker version"),
]
COMMANDS = ["up", "status", "down", "run", "verify", "logs gitea", "shell -- true", "images", "install images"]


@pytest.fixture(autouse=True)
def kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_ENGINE", "kind")


def says(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Docker's program fails with this text, whatever it is asked."""
    fake_program(folder, monkeypatch, "docker", f"cat >&2 <<'SAID'\n{text}\nSAID\nexit 1")


@pytest.mark.parametrize(("said", "message", "hint"), REFUSALS)
def test_an_engine_that_cannot_be_used_is_reported_with_what_docker_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, message: str, hint: str
) -> None:
    says(tmp_path, monkeypatch, said)
    for ask in (require_engine, lambda: inspect("image", "x"), lambda: docker.docker("ps")):
        with pytest.raises(HostError, match=f"^{message}$") as caught:
            ask()
        assert caught.value.detail == said
        assert hint in caught.value.hint
        assert "ENGINE=local" in caught.value.hint


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_needs_docker_says_that_it_is_not_running_and_changes_nothing(
    lab: Lab, checkout: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    says(tmp_path, monkeypatch, STOPPED)
    outcome = lab(*command.split())
    assert outcome.status == 4
    reported = [line for line in outcome.err.splitlines() if line.startswith(("error: ", "hint: "))]
    assert reported == [
        "error: Docker is not running",
        "hint: start Docker (systemctl start docker), or use ENGINE=local",
    ]
    assert not checkout.data.exists()
    assert not (checkout.home / "engine").exists()


def test_doctor_reports_it_as_a_fault(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says(tmp_path, monkeypatch, FORBIDDEN)
    outcome = lab("doctor")
    assert outcome.status == 1
    assert "✗ Docker: Docker is running, but this user may not use it" in outcome.out


def test_a_machine_without_docker_is_reported_so(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for command in ("up", "status", "down"):
        outcome = lab(command)
        assert outcome.status == 4
        assert "error: Docker is not installed\nhint: install Docker, or use ENGINE=local\n" in outcome.err


def test_an_engine_that_hangs_is_not_treated_as_a_missing_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_program(tmp_path, monkeypatch, "docker", "exec sleep 30")
    with pytest.raises(HostError, match=r"^Docker does not answer: .* took longer than") as caught:
        require_engine(limit=0.3)
    assert caught.value.hint.startswith("restart Docker")


@pytest.mark.parametrize("version", ["19.03.15", "1.13.1", "20.9"])
def test_an_old_engine_is_refused_with_both_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    fake_program(tmp_path, monkeypatch, "docker", f"echo '\"{version}\"'")
    with pytest.raises(HostError, match=rf"^Docker {version} is too old: the lab needs 20\.10 or newer$"):
        require_engine()


@pytest.mark.parametrize("version", ["20.10.24+dfsg1", "20.10.0", "28.2.2"])
def test_any_newer_one_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    fake_program(tmp_path, monkeypatch, "docker", f"echo '\"{version}\"'")
    assert require_engine() == version


@pytest.mark.parametrize("said", ["Error: No such container: x", "Error response from daemon: network x not found"])
def test_what_docker_does_not_know_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    says(tmp_path, monkeypatch, said)
    assert inspect("container", "x") is None


def test_the_local_engine_does_not_mind_that_docker_has_gone(
    lab: Lab, checkout: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.home.mkdir()
    (checkout.home / "engine").write_text("kind\n", "utf-8")
    says(tmp_path, monkeypatch, STOPPED)
    monkeypatch.setenv("LAB_ENGINE", "local")
    assert lab("status").err.startswith("The lab is down (engine local).")
