"""What `lab up` refuses on the kind engine before it changes anything; Docker is a program that answers from files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab import host
from lab.cli import context
from lab.config import Settings
from lab.engine import same_settings
from lab.engine.kind.cluster import failure
from lab.errors import SettingsError
from lab.paths import SOURCE, Paths
from tests.unit.charts import pinned_chart
from tests.unit.conftest import Outcome
from tests.unit.support import fake_program, tree

Lab = Callable[..., Outcome]
DOCKER = """\
case "$1 $2" in
    "version --format") case "$3" in *json*) echo '"20.10.24"' ;; *) echo amd64 ;; esac ;;
    "container inspect") cat {folder}/container 2> /dev/null && exit; echo "Error: No such container" >&2; exit 1 ;;
    "ps --filter") cat {folder}/nodes 2> /dev/null ;;
    "network inspect") echo "Error: No such network: $3" >&2; exit 1 ;;
    rm\\ *|start\\ *|run\\ *|build\\ *) echo "$@" >> {folder}/changed ;;
esac
exit 0
"""
SCHEMA = {"type": "object", "properties": {"scheduler": {"type": "object", "properties": {"replicas": {}}}}}


@pytest.fixture
def engine(checkout: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with the project's own files; the folder of what Docker answers (`container`, `nodes`)."""
    for name in ("lab", "images", "k8s", "dags", "localstack"):
        (checkout.source / name).symlink_to(SOURCE / name)
    folder = tmp_path / "docker"
    folder.mkdir()
    fake_program(tmp_path, monkeypatch, "docker", DOCKER.format(folder=folder))
    monkeypatch.setenv("LAB_ENGINE", "kind")
    monkeypatch.setenv("LAB_IMAGES__SOURCE", "build")
    monkeypatch.setattr("lab.engine.kind.engine.require_kind_host", lambda *_, **__: None)
    return folder


@pytest.fixture
def chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small chart that the settings name, and that is the pinned one."""
    file = pinned_chart(tmp_path, monkeypatch, SCHEMA)
    monkeypatch.setenv("LAB_AIRFLOW__CHART", str(file))
    return file


def node(engine: Path, *mounted: Path) -> None:
    mounts = [{"Source": str(source), "Destination": "/lab/data"} for source in mounted]
    container: dict[str, Any] = {"Id": "1", "State": {"Running": True}, "Mounts": mounts}
    (engine / "container").write_text(json.dumps([container]), "utf-8")


def reported(outcome: Outcome) -> list[str]:
    return [line for line in outcome.err.splitlines() if line.startswith(("error: ", "hint: "))]


@pytest.mark.parametrize("command", ["up", "down", "down --purge"])
@pytest.mark.parametrize(
    ("data", "owner"),
    [((), "another program"), (("/home/ada/lab/.lab/data/kind",), "the lab in /home/ada/lab")],
    ids=["not a lab's", "another lab's"],
)
def test_a_cluster_of_the_same_name_that_is_not_this_labs_is_left_unchanged(
    lab: Lab, engine: Path, command: str, data: tuple[str, ...], owner: str
) -> None:
    node(engine, *map(Path, data))
    outcome = lab(*command.split())
    error, hint = reported(outcome)
    assert outcome.status == 3
    assert error == f"error: the kind cluster 'lab' belongs to {owner}"
    assert "cluster.name" in hint
    assert not (engine / "changed").exists()


def test_another_persons_cluster_is_not_this_labs_state(lab: Lab, engine: Path) -> None:
    node(engine)
    assert lab("status").err.startswith("The lab is down (engine kind).")
    assert lab("run").status == 6


def test_a_lab_that_is_up_with_other_settings_shows_both_and_the_way_out(
    lab: Lab, engine: Path, checkout: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = checkout.data / "kind"
    data.mkdir(parents=True)
    node(engine, data)
    checkout.run.mkdir()
    same_settings.remember_running(checkout.run / "settings.json", Settings())
    monkeypatch.setenv("LAB_AIRFLOW__DAGS", "gitsync")
    outcome = lab("up")
    error, hint = reported(outcome)
    assert outcome.status == 3
    assert "airflow.dags = 'bundle', requested 'gitsync'" in error
    assert "images.source = 'auto', requested 'build'" in error
    assert hint == "hint: make lab-down, then make lab-up"
    assert not (engine / "changed").exists()


def test_a_running_lab_is_checked_before_the_kubectl_of_this_version_is_there(
    lab: Lab, engine: Path, chart: Path, checkout: Paths
) -> None:
    data = checkout.data / "kind"
    data.mkdir(parents=True)
    node(engine, data)
    (checkout.source / "helm-values.yaml").write_text("schedulr: {}", "utf-8")
    with pytest.raises(SettingsError, match="schedulr is not a known key"):
        context.engine(new=True)[0].before_up()


def test_another_engine_than_the_one_that_is_up_is_refused(
    lab: Lab, engine: Path, checkout: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = checkout.data / "kind"
    data.mkdir(parents=True)
    node(engine, data)
    (checkout.home / "engine").write_text("kind\n", "utf-8")
    monkeypatch.setenv("LAB_ENGINE", "local")
    outcome = lab("up")
    assert outcome.status == 3
    assert reported(outcome) == [
        "error: the lab is up with engine kind, requested is local",
        "hint: make lab-down ENGINE=kind, then make lab-up ENGINE=local",
    ]


def test_a_chart_with_another_checksum_is_refused_with_both(lab: Lab, engine: Path, chart: Path) -> None:
    right = hashlib.sha256(chart.read_bytes()).hexdigest()
    chart.write_bytes(b"another")
    outcome = lab("up")
    error, hint = reported(outcome)
    assert outcome.status == 3
    assert f"{chart}: sha256 {hashlib.sha256(b'another').hexdigest()}, expected {right}" in error
    assert hint == "hint: name airflow-1.2.3.tgz as released"
    assert not (engine / "changed").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("schedulr: {}", "helm-values.yaml: schedulr is not a known key (did you mean scheduler?)"),
        ("scheduler: {replica: 2}", "helm-values.yaml: scheduler.replica is not a known key (did you mean replicas?)"),
        ("scheduler: [", "helm-values.yaml is not YAML"),
    ],
)
def test_a_key_that_the_chart_does_not_know_is_refused(
    lab: Lab, engine: Path, chart: Path, checkout: Paths, *, text: str, expected: str
) -> None:
    (checkout.source / "helm-values.yaml").write_text(text, "utf-8")
    outcome = lab("up")
    assert outcome.status == 3
    assert expected in reported(outcome)[0]
    assert not (engine / "changed").exists()


def test_what_is_checked_before_anything_is_changed_writes_nothing(
    lab: Lab, engine: Path, chart: Path, checkout: Paths
) -> None:
    before = tree(checkout.home)
    with pytest.raises(SettingsError, match="not a known key"):
        context.engine(new=True)[0].before_up()
    assert tree(checkout.home) == before


def test_a_docker_that_publishes_loopback_ports_to_the_network_is_a_warning(
    lab: Lab, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.engine.kubernetes.release.Release.check", lambda _: None)
    monkeypatch.setattr("lab.engine.kubernetes.values.find_chart", lambda _: Path("none"))
    (check,) = [check for check in json.loads(lab("doctor", "--json").out) if check["name"] == "Docker's ports"]
    assert check["state"] == "warn"
    assert "Docker 20.10.24 may let machines of the same network reach the lab's ports" in check["found"]
    (line,) = [line for line in context.engine(new=True)[0].before_up() if "same network" in line]
    assert line.startswith("warning: Docker 20.10.24 ")
    assert "28.3.3" in line


@pytest.mark.parametrize(
    ("version", "system", "state"),
    [("28.3.2", "linux", "warn"), ("28.3.3", "linux", "ok"), ("29.0.0-rc.1", "linux", "ok"), ("20.10", "darwin", "ok")],
)
def test_only_a_fixed_docker_keeps_loopback_ports_on_loopback(version: str, system: str, state: str) -> None:
    assert host.docker_ports(version, system).state == state


@pytest.mark.parametrize(
    ("limit", "nodes", "state"),
    [("128", "", "ok"), ("128", "other-control-plane", "warn"), ("512", "other-control-plane\nother-worker", "ok"),
     ("128", "lab-control-plane", "ok"), ("", "other-control-plane", "ok")],
)  # fmt: skip
def test_too_few_inotify_instances_for_one_more_node_are_a_warning(
    lab: Lab, engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, limit: str, nodes: str, state: str
) -> None:
    file = tmp_path / "max_user_instances"
    if limit:
        file.write_text(f"{limit}\n", "utf-8")
    monkeypatch.setattr(host, "INOTIFY", file)
    (engine / "nodes").write_text(nodes, "utf-8")
    (check,) = [check for check in json.loads(lab("doctor", "--json").out) if check["name"] == "inotify"]
    assert check["state"] == state
    if state == "warn":
        assert "another kind node runs" in check["found"]
        assert check["hint"] == "sudo sysctl fs.inotify.max_user_instances=512"


def test_a_node_with_a_systemd_that_fails_without_them_is_explained() -> None:
    error = failure("ERROR: failed to create cluster: Failed to reload systemd: Too many open files")
    assert error.exit_code == 4
    assert error.hint.startswith("sudo sysctl fs.inotify")
    assert failure("ERROR: anything else").hint == "make lab-doctor"
