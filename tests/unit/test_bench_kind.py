"""The pure parts of the bench of engine kind: rounds, figures, the usual way's script, and control groups."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lab.bench import usual
from lab.bench.scenarios import kind, kind_memory
from lab.bench.usual import CLUSTER, UsualWay, steps, usual_way
from lab.config import ClusterSettings, Settings
from lab.engine.kind.instance import KindInstance
from lab.errors import SettingsError
from lab.paths import SOURCE, Paths
from tests.unit.support import fake_program

KINDS = frozenset({kind.UP, kind.RUN, kind_memory.MEMORY})
UID = "1d2a3b4c-0000-4111-8222-333344445555"
CONFIG_HASH = "0123456789abcdef0123456789abcdef"


def test_runs_are_spread_over_the_rounds_and_memory_is_the_last_ones() -> None:
    first, second = kind.rounds_of(KINDS, 5)
    assert (first.runs, second.runs) == (3, 3)
    assert (first.last, second.last) == (False, True)
    assert second.counted(0) == "not counted"
    assert second.counted(1) == "1 of 3, round 2 of 2"


def test_nothing_is_run_twice_for_memory_alone() -> None:
    (only,) = kind.rounds_of(frozenset({kind_memory.MEMORY}), 5)
    assert (only.runs, only.last, only.memory) == (0, True, True)


def test_figures_of_both_ways_and_their_ratio() -> None:
    usual_side, lab = kind.UpSamples(), kind.UpSamples(idle=[2.0, 6.0])
    usual_side.came_up((240.0, {"create": 40.0, "load": 100.0}))
    lab.came_up((60.0, {"cluster": 25.0}))
    usual_side.ran(60.0, {"pull": 10.0})
    lab.ran(20.0, {"pull_data": 4.0})
    found = {figure.title: figure for figure in (*kind.up_figures(usual_side, lab), *kind.run_figures(usual_side, lab))}
    up, run = found["usual way : lab-up, images at hand"], found["plain DAG : lab-run on kind"]
    assert (up.values, up.met) == ((4.0,), True)
    assert (run.values, run.met) == ((3.0,), True)
    assert found["lab-up on kind, lab up already"].met is True
    assert found["  step load"].values == (100.0,)


def test_the_scripts_output_is_seconds_by_step() -> None:
    assert steps("create 34\nload 112\n") == {"create": 34.0, "load": 112.0}


def test_a_cluster_of_another_bench_is_refused_with_what_to_wait_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = [{"Source": "/theirs/.lab/data/kind", "Destination": "/lab/data"}]
    container = json.dumps([{"Id": "1", "State": {"Running": True}, "Mounts": mounts}])
    fake_program(tmp_path, monkeypatch, "docker", f"echo '{container}'")
    with pytest.raises(SettingsError, match="belongs to the lab in /theirs") as caught:
        usual_way(SOURCE, tmp_path, Settings()).__enter__()
    assert caught.value.hint == "wait until the bench there has ended, or end that cluster"


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, str]:
    """An environment for up.sh in which each program writes down how it was called, and what it read."""
    log = tmp_path / "log"
    for name in ("kind", "kubectl", "helm"):
        file = tmp_path / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\ncat >> {log}\n[ "$1" != "$FAILS" ]\n', "utf-8")
        file.chmod(0o755)
    return {
        "PATH": os.environ["PATH"],
        **{name.upper(): str(tmp_path / name) for name in ("kind", "kubectl", "helm")},
        "KUBECONFIG": "kubeconfig",
        "CLUSTER": "c",
        "CONFIG": "config.yaml",
        "NODE_IMAGE": "node",
        "IMAGES": "a:1 b:2",
        "OBJECTS": "objects",
        "CHART": "chart.tgz",
        "VALUES": "one.yaml two.json",
        "FAILS": "",
    }


def go(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(usual.SCRIPTS / "up.sh")]
    return subprocess.run(
        command, env=environment, input="the secrets\n", capture_output=True, encoding="utf-8", check=False
    )


def test_the_usual_way_goes_step_by_step_and_only_kubectl_reads_the_secrets(
    programs: dict[str, str], tmp_path: Path
) -> None:
    done = go(programs)
    assert done.returncode == 0, done.stderr
    assert list(steps(done.stdout)) == ["create", "load", "platform", "airflow"]
    assert "the secrets" not in done.stdout + done.stderr
    called = (tmp_path / "log").read_text("utf-8").splitlines()
    assert called[:5] == [
        "kind create cluster --name c --config config.yaml --image node",
        "kind load docker-image --name c a:1",
        "kind load docker-image --name c b:2",
        "kubectl apply --server-side --filename -",
        "the secrets",
    ]
    assert called[-1].startswith("helm install airflow chart.tgz --namespace airflow --wait")
    assert called[-1].endswith("--values one.yaml --values two.json")


def test_a_step_that_fails_is_named_and_ends_it(programs: dict[str, str], tmp_path: Path) -> None:
    done = go({**programs, "FAILS": "load"})
    assert done.returncode == 1
    assert "the step 'load' failed" in done.stderr
    assert list(steps(done.stdout)) == ["create"]
    assert "kubectl" not in (tmp_path / "log").read_text("utf-8")


def test_the_usual_clusters_configuration_is_kinds_default_but_for_the_nodes_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UsualWay, "node_image", "lab/node-usual:0")
    monkeypatch.setattr("lab.engine.ports.read", lambda _: {"airflow": 1, "s3": 2, "git": 3})
    settings = Settings(engine="kind", cluster=ClusterSettings(name=CLUSTER))
    text = UsualWay(KindInstance(Paths(SOURCE, tmp_path), settings)).cluster_config()
    config: dict[str, Any] = YAML(typ="safe").load(text)
    (node,) = config["nodes"]
    assert (config["name"], node["image"]) == ("lab-usual", "lab/node-usual:0")
    assert {m["containerPort"]: m["hostPort"] for m in node["extraPortMappings"]} == {30080: 1, 30566: 2, 30300: 3}
    assert "ClusterConfiguration" not in text


V1 = f"""\
group .
3000
inactive_file 1
total_inactive_file 500
group ./kubelet/kubepods/burstable/pod{UID}
1200
inactive_file 0
total_inactive_file 200
group ./kubelet/kubepods/burstable/pod{UID}/deadbeef
900
total_inactive_file 0
"""
V2 = f"""\
group .
3000
inactive_file 500
group ./kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{CONFIG_HASH}.slice
1200
inactive_file 200
group ./gone
"""


@pytest.mark.parametrize(("text", "identity"), [(V1, UID), (V2, CONFIG_HASH)])
def test_control_groups_of_both_versions_are_read(text: str, identity: str) -> None:
    groups = kind_memory.parse(text)
    assert groups["."] == 2500
    pods = {match[1]: size for folder, size in groups.items() if (match := kind_memory.POD.search(folder))}
    assert pods == {identity: 1000}


def test_systemd_writes_a_pods_uid_with_underscores() -> None:
    match = kind_memory.POD.search(f"./kubelet-kubepods-pod{UID.replace('-', '_')}.slice")
    assert match is not None
    assert match[1].replace("_", "-") == UID


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        (
            {
                "name": "airflow-scheduler-5d9c-x2x",
                "generateName": "airflow-scheduler-5d9c-",
                "labels": {"pod-template-hash": "5d9c"},
            },
            "airflow-scheduler",
        ),
        ({"name": "postgres-0", "generateName": "postgres-", "labels": {}}, "postgres"),
        ({"name": "etcd-lab-bench-control-plane"}, "etcd"),
    ],
)
def test_a_pod_is_called_by_its_service(metadata: dict[str, Any], name: str) -> None:
    assert kind_memory.service({"metadata": metadata}, "lab-bench-control-plane") == name


def test_a_static_pod_is_known_by_its_manifests_hash_too() -> None:
    pod = {"metadata": {"uid": UID, "annotations": {"kubernetes.io/config.hash": CONFIG_HASH}}}
    assert kind_memory.identities(pod) == [UID, CONFIG_HASH]
