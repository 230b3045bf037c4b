"""The errors that users meet first, where no lab runs: the whole output and the exit status of the real command."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab import host
from lab.cli import context
from lab.engine import remember
from lab.engine.local import LocalEngine
from lab.paths import SOURCE, Paths
from tests.unit.bundles import flip, position_of, write_bundle
from tests.unit.conftest import Outcome
from tests.unit.snapshots import FOLDER, assert_snapshot
from tests.unit.support import fake_program

Lab = Callable[..., Outcome]
DOCKER = {
    "docker-stopped": "Cannot connect to the Docker daemon at unix:///run/docker.sock. Is the docker daemon running?",
    "docker-forbidden": "permission denied while trying to connect to the Docker daemon socket",
    "docker-broken": 'Failed to initialize: unable to resolve docker endpoint: context "x": context not found',
}
NO_CONTAINER = """\
case "$1 $2" in
    "version "*) echo '"28.5.0"' ;;
    *" inspect") echo "Error: No such $1" >&2; exit 1 ;;
esac
"""
"""A new Docker that has nothing."""


@dataclass
class Place:
    """An empty checkout, and what a test makes of it before the command runs."""

    checkout: Paths
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    names: dict[str, str] = field(default_factory=dict)

    def toml(self, text: str) -> None:
        self.checkout.settings_file.write_text(text, "utf-8")

    def variable(self, name: str, value: str) -> None:
        self.monkeypatch.setenv(name, value)


def test_every_snapshot_belongs_to_a_test() -> None:
    here = Path(__file__).parent
    code = "".join(file.read_text("utf-8") for file in here.rglob("test_error_snapshots*.py"))
    assert [file.name for file in FOLDER.iterdir() if f'"{file.stem}"' not in code] == []


@pytest.fixture
def place(checkout: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(checkout.source)
    names = {str(checkout.source): "<checkout>", str(tmp_path): "<folder>", str(SOURCE): "<source>"}
    return Place(checkout, tmp_path, monkeypatch, names)


def check(lab: Lab, place: Place, name: str, command: str) -> None:
    outcome = lab(*shlex.split(command.removeprefix("lab ")))
    assert_snapshot(name, command, outcome.status, outcome.out + outcome.err, place.names)


SETTINGS = {
    "toml-unknown-key": "[ports]\ngti = 3001\n",
    "toml-unknown-section": "[port]\ngit = 3001\n",
    "toml-text-for-a-number": '[ports]\ngit = "3001"\n',
    "toml-number-out-of-range": "[ports]\ngit = 70000\n",
    "toml-one-port-twice": "[ports]\ngit = 3001\ns3 = 3001\n",
    "toml-bucket-name": '[storage]\nbucket = "My_Bucket"\n',
    "toml-unknown-choice": 'engine = "docker"\n',
    "toml-several-mistakes": '[ports]\ngti = 3001\n[airflow]\nparallelism = "many"\n',
    "toml-syntax": "[ports\ngit = 3001\n",
}


@pytest.mark.parametrize("name", SETTINGS)
def test_snapshot_of_a_wrong_settings_file(lab: Lab, place: Place, name: str) -> None:
    place.toml(SETTINGS[name])
    check(lab, place, name, "lab up")


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("variable-unknown", "LAB_PORTS__GTI", "3001"),
        ("variable-wrong-value", "LAB_AIRFLOW__PARALLELISM", "many"),
        ("variable-unknown-engine", "LAB_ENGINE", "docker"),
        ("secret-that-stays", "LAB_ENGINE", "kind"),
    ],
)
def test_snapshot_of_a_wrong_variable(lab: Lab, place: Place, name: str, variable: str, value: str) -> None:
    place.variable(variable, value)
    check(lab, place, name, "lab secrets rotate gitea-secret-key" if name == "secret-that-stays" else "lab up")


CALLS = {
    "command-unknown": "lab stauts",
    "option-unknown": "lab run --row 3",
    "option-no-number": "lab run --rows many",
    "option-negative": "lab run --rows -1",
    "argument-missing": "lab reproduce",
    "engine-unknown": "lab up --engine docker",
    "lab-down": "lab run",
    "status-down": "lab status",
    "service-unknown": "lab logs nosuch",
    "secret-unknown": "lab secrets rotate nosuch",
    "secrets-none-yet": "lab secrets rotate git-password",
    "part-unknown": "lab install nosuch",
    "folder-missing": "lab repair --from /nonexistent",
    "output-folder-missing": "lab report --output /nonexistent/lineage.html",
    "scenario-unknown": "lab bench nosuch",
    "round-out-of-range": "lab drill --rounds 3 --first 9",
    "bundle-missing": "lab up --bundle nosuch.tar",
    "bundle-engine-unknown": "lab bundle --engine docker",
    "chart-missing": "lab up --engine kind",
}


@pytest.mark.parametrize("name", CALLS)
def test_snapshot_of_a_wrong_call(lab: Lab, place: Place, name: str) -> None:
    for folder in ("images", "lab", "k8s", "localstack", "pyproject.toml", "uv.lock"):
        (place.checkout.source / folder).symlink_to(SOURCE / folder)
    if name == "chart-missing":
        fake_program(place.folder, place.monkeypatch, "docker", NO_CONTAINER)
        place.variable("LAB_AIRFLOW__CHART", "/nonexistent/airflow.tgz")
        place.monkeypatch.setattr("lab.engine.kind.engine.require_kind_host", lambda *_, **__: None)
    check(lab, place, name, CALLS[name])


@pytest.mark.parametrize("name", DOCKER)
def test_snapshot_of_a_docker_that_cannot_be_used(lab: Lab, place: Place, name: str) -> None:
    fake_program(place.folder, place.monkeypatch, "docker", f"cat >&2 <<'SAID'\n{DOCKER[name]}\nSAID\nexit 1")
    check(lab, place, name, "lab up --engine kind")


def test_snapshot_of_a_docker_that_is_too_old(lab: Lab, place: Place) -> None:
    fake_program(place.folder, place.monkeypatch, "docker", "echo '\"19.03.15\"'")
    check(lab, place, "docker-old", "lab up --engine kind")


@pytest.mark.parametrize(("name", "engine"), [("docker-missing", "kind"), ("git-missing", "local")])
def test_snapshot_of_a_missing_program(lab: Lab, place: Place, name: str, engine: str) -> None:
    place.variable("PATH", str(place.folder))
    check(lab, place, name, f"lab up --engine {engine}")


@pytest.mark.parametrize(("name", "bound"), [("disk-short", "RUN_DISK"), ("memory-short", "RUN_MEMORY")])
def test_snapshot_of_a_machine_that_is_too_small(lab: Lab, place: Place, name: str, bound: str) -> None:
    place.monkeypatch.setattr("lab.engine.local.engine.environments", list)
    place.monkeypatch.setattr(host, bound, 1 << 60)
    check(lab, place, name, "lab up --engine local")


def test_snapshot_of_a_port_in_use(lab: Lab, place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        place.variable("LAB_PORTS__GIT", str(port))
        place.names[str(port)] = "<port>"
        # Only the phase that settles the ports: the others install packages.
        phases = LocalEngine.phases
        place.monkeypatch.setattr(
            LocalEngine, "phases", lambda engine: [each for each in phases(engine) if each.name == "supervisor"]
        )
        check(lab, place, "port-in-use", "lab up --engine local")


@pytest.mark.parametrize("name", ["bundle-damaged", "bundle-not-a-bundle", "bundle-without-images"])
def test_snapshot_of_a_bundle_that_cannot_be_used(lab: Lab, place: Place, name: str) -> None:
    for each in ("images", "lab", "localstack", "pyproject.toml", "uv.lock"):
        (place.checkout.source / each).symlink_to(SOURCE / each)
    file = write_bundle(place.checkout.source, {} if name == "bundle-without-images" else None)
    if name == "bundle-damaged":
        flip(file, position_of(file, b"a program"))
    if name == "bundle-not-a-bundle":
        file.write_text("not an archive\n", "utf-8")
    engine = " --engine kind" if name == "bundle-without-images" else ""
    check(lab, place, name, f"lab up{engine} --bundle lab.tar")


def test_snapshot_of_another_command_at_work(lab: Lab, place: Place) -> None:
    with context.exclusive("up"):
        check(lab, place, "another-command", "lab down")


def test_snapshot_of_a_lab_on_another_engine(lab: Lab, place: Place) -> None:
    remember(place.checkout, "local")
    place.monkeypatch.setattr("lab.engine.runs", lambda _: True)
    check(lab, place, "other-engine-runs", "lab up --engine kind")


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("make-unknown-variable", "make lab-run row=100"),
        ("make-unknown-target", "make lab-rnu"),
        ("make-no-version", "make lab-reproduce"),
    ],
)
def test_snapshot_of_a_wrong_make(place: Place, name: str, command: str) -> None:
    for file in ("Makefile", "lab"):
        (place.checkout.source / file).symlink_to(SOURCE / file)
    names = [name for name in os.environ if not name.startswith(("MAKE", "MFLAGS"))]
    environment = {name: os.environ[name] for name in names}
    finished = subprocess.run(shlex.split(command), env=environment, capture_output=True, text=True, check=False)
    assert_snapshot(name, command, finished.returncode, finished.stdout + finished.stderr, place.names)


def test_snapshot_of_a_machine_without_python(place: Place) -> None:
    for name in ("lab/bootstrap.sh", "lab/bootstrap.py", "lab/pins.toml"):
        (place.checkout.source / name).parent.mkdir(exist_ok=True)
        shutil.copy(SOURCE / name, place.checkout.source / name)
    command = "sh lab/bootstrap.sh up"
    environment = {**os.environ, "LAB_PYTHON": "/nonexistent"}
    finished = subprocess.run(shlex.split(command), env=environment, capture_output=True, text=True, check=False)
    assert_snapshot("python-missing", command, finished.returncode, finished.stdout + finished.stderr, place.names)
