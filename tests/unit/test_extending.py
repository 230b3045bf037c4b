"""The patches of docs/extending.md: each applies to a copy of the tree, and the copy has what the patch adds."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.paths import SOURCE

PATCHES = SOURCE / "examples" / "extending"
COPIED = ("k8s", "images", "lab", "dags", "docs", "tests")
Patched = Callable[[str], Path]
MLFLOW = """
import json
from pathlib import Path
from lab import services
from lab.access import LoopbackAccess
from lab.config import Settings
from lab.engine.kind.instance import KindInstance
from lab.engine.kubernetes import manifests, overlay, platform_phases
from lab.engine.local import LocalEngine
from lab.images.catalogue import IN_CLUSTER
from lab.paths import Paths
from lab.secrets import Secrets, names_of
paths = Paths.of()
Secrets(paths.secrets).ensure()
access = LoopbackAccess(paths, Settings(ports={"mlflow": 5005}), services.default_urls())
rendered = manifests.rendered(access, {name: f"registry/{name}:1" for name in IN_CLUSTER}, paths.run / "kind")
objects = [json.loads(each) for each in rendered["services.yaml"].split("---\\n")]
secrets = json.loads(manifests.secret_objects(access, "worker:1"))["items"]
print(json.dumps({
    "local": LocalEngine(paths, Settings()).service_names(),
    "cluster": list(overlay.places()),
    "phases": {phase.name: phase.needs for phase in LocalEngine(paths, Settings()).phases()},
    "cluster phases": [phase.name for phase in platform_phases.phases(KindInstance(paths, Settings()))],
    "url": access.url("mlflow"),
    "node port": overlay.node_ports()["mlflow"],
    "data": overlay.data_folders(),
    "objects": [f"{each['kind']} {each['metadata']['name']}" for each in objects],
    "images": [each["name"] for each in json.loads(rendered["kustomization.yaml"])["images"]],
    "secrets": names_of("kind"),
    "read": [each["metadata"]["name"] for each in secrets if each["kind"] == "Secret"],
    "environments": services.environments(),
}))
"""
PHASES = """
import json
from lab.config import Settings
from lab.engine.local import LocalEngine
from lab.paths import Paths
print(json.dumps({phase.name: phase.needs for phase in LocalEngine(Paths.of(), Settings()).phases()}))
"""
FAULTS = """
import json
from lab.drill import plan
print(json.dumps([each.fault for each in plan.make(1, len(plan.FAULTS))]))
"""


@pytest.fixture
def patched(tmp_path: Path) -> Patched:
    """`patched("mlflow")`: a copy of the tree with that patch."""

    def apply(name: str) -> Path:
        for folder in COPIED:
            shutil.copytree(
                SOURCE / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "older_lab")
            )
        # Git finds no repository from here: the patch applies to files.
        environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
        command = ["git", "apply", "--verbose", str(PATCHES / f"{name}.patch")]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
        return tmp_path

    return apply


def output(folder: Path, *arguments: str) -> str:
    """What Python prints with the copy's modules."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    finished = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def changed(name: str) -> dict[str, bool]:
    """Each file of a patch, and whether it exists before."""
    text = (PATCHES / f"{name}.patch").read_text("utf-8")
    parts = re.split(r"^diff --git a/\S+ b/", text, flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0]: "\nnew file mode " not in part[:200] for part in parts}


def test_a_service_is_at_most_eight_files_and_edits_no_list() -> None:
    files = changed("mlflow")
    assert len(files) <= 8
    assert [name for name, existed in files.items() if existed] == ["lab/pins.toml"]


def test_a_service_is_found_on_both_engines(patched: Patched) -> None:
    found: dict[str, Any] = json.loads(output(patched("mlflow"), "-c", MLFLOW))
    for place in ("local", "cluster", "cluster phases", "data", "environments", "read"):
        assert "mlflow" in found[place], place
    assert found["phases"]["mlflow"] == ["supervisor", "environment-mlflow"]
    assert (found["url"], found["node port"]) == ("http://127.0.0.1:5000", 30500)
    assert {"Deployment mlflow", "Service mlflow", "PersistentVolume lab-mlflow"} <= set(found["objects"])
    assert "lab/mlflow" in found["images"]
    assert "mlflow-password" in found["secrets"]


def test_the_test_of_the_added_service_passes(patched: Patched) -> None:
    folder = patched("mlflow")
    shutil.copyfile(SOURCE / "pyproject.toml", folder / "pyproject.toml")
    assert "3 passed" in output(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/test_mlflow.py")


def test_an_engine_is_one_folder_and_one_row() -> None:
    assert changed("engine") == {"lab/engine/k3d/__init__.py": False, "lab/engines.py": True}


def test_the_commands_and_settings_know_the_added_engine(patched: Patched) -> None:
    folder = patched("engine")
    shutil.copyfile(SOURCE / "pyproject.toml", folder / "pyproject.toml")
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "LAB_ENGINE": "k3d"}
    environment["PATH"] = str(folder)  # without k3d

    def lab(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lab", *arguments]
        return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)

    assert json.loads(lab("status", "--json").stdout)["engine"] == "k3d"
    refused = lab("up")
    assert (refused.returncode, "error: k3d is not on PATH\n" in refused.stderr) == (4, True)


def test_a_phase_is_part_of_lab_up(patched: Patched) -> None:
    assert json.loads(output(patched("phase"), "-c", PHASES))["welcome"] == ["supervisor"]


def test_a_fault_is_in_every_plan(patched: Patched) -> None:
    assert "scheduler-away" in json.loads(output(patched("fault"), "-c", FAULTS))


def test_a_command_is_listed_and_refuses_a_lab_that_is_down(patched: Patched) -> None:
    folder = patched("command")
    shutil.copyfile(SOURCE / "pyproject.toml", folder / "pyproject.toml")
    asked = [sys.executable, "-m", "lab", "where"]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    assert subprocess.run(asked, cwd=folder, env=environment, check=False, capture_output=True).returncode == 6
    assert "Show where each service is reached." in output(folder, "-m", "lab", "--help")


@pytest.mark.parametrize("name", sorted(file.stem for file in PATCHES.glob("*.patch")))
def test_every_patch_is_in_the_documentation(name: str) -> None:
    assert f"examples/extending/{name}.patch" in (SOURCE / "docs" / "extending.md").read_text("utf-8")
