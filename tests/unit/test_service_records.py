"""The records of the services: they are found, ordered and complete, and agree with the files that repeat them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from lab import services
from lab.config import Settings, TriggerSettings
from lab.engine.kubernetes import overlay
from lab.images.catalogue import IMAGES
from lab.paths import SOURCE
from lab.pins import lock_file, locked
from lab.services import CLUSTER, LOCAL
from lab.services.storage import shared_settings

RECORD = """
from lab.services.record import Service
SERVICES = (Service(name={name!r}, role="r", what="w", needs={needs!r}),)
"""


def package(folder: Path, monkeypatch: pytest.MonkeyPatch, **needs: tuple[str, ...]) -> tuple[list[str], str]:
    """The path and the name of a package with one module for each record."""
    made = folder / "made_records"
    made.mkdir()
    (made / "__init__.py").touch()
    for name, needed in needs.items():
        (made / f"{name}.py").write_text(RECORD.format(name=name.rstrip("_"), needs=needed), "utf-8")
    monkeypatch.syspath_prepend(str(folder))
    for name in [each for each in sys.modules if each.startswith("made_records")]:
        monkeypatch.delitem(sys.modules, name)
    return [str(made)], "made_records"


def test_a_module_is_a_service_and_comes_after_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = services.discovered(*package(tmp_path, monkeypatch, a=("c",), b=(), c=("b",)))
    assert [service.name for service in found] == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("records", "problem"),
    [({"a": ("z",)}, "needs 'z', which does not exist"), ({"a": (), "a_": ()}, "two services 'a'")],
)
def test_a_record_that_cannot_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, records: dict[str, tuple[str, ...]], problem: str
) -> None:
    path, name = package(tmp_path, monkeypatch, **records)
    with pytest.raises(ValueError, match=problem):
        services.discovered(path, name)


def test_every_manifest_of_the_overlay_is_of_a_service_or_of_the_kustomization() -> None:
    folder = SOURCE / "k8s" / "overlays" / "local"
    listed = set(re.findall(r"^  - (\S+\.yaml)$", (folder / "kustomization.yaml").read_text("utf-8"), re.MULTILINE))
    of_services = {service.manifest for service in services.SERVICES if service.manifest}
    rest = {"kustomization.yaml", "airflow-values.yaml"}
    assert {file.name for file in folder.glob("*.yaml")} == listed | of_services | rest
    assert not listed & of_services


def test_names_in_the_cluster_are_those_that_lab_status_shows() -> None:
    assert list(overlay.places()) == [
        "postgres", "gitea", "localstack", "pod-identity",
        "airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "triggers",
    ]  # fmt: skip


def test_a_lab_that_starts_no_run_on_a_push_has_no_service_for_it_in_the_cluster() -> None:
    off = Settings(triggers=TriggerSettings(on_push=False))
    assert set(overlay.places()) - set(overlay.places(off)) == {"triggers"}


def test_each_port_is_forwarded_to_a_port_of_the_node() -> None:
    assert overlay.node_ports() == {"airflow": 30080, "git": 30300, "s3": 30566}


def test_what_a_service_needs_of_packages_and_images_exists() -> None:
    assert {*services.environments(), *services.image_environments()} <= set(locked())
    for image in services.images():
        assert (SOURCE / IMAGES[image.name].place / image.dockerfile).is_file()
        assert not image.environment or (SOURCE / lock_file(image.environment)).is_file()
    assert set(overlay.images()) <= set(IMAGES)


def test_every_service_runs_somewhere() -> None:
    assert [each.name for each in services.SERVICES if not (each.runs(LOCAL) or each.runs(CLUSTER))] == []


@pytest.mark.parametrize("name", ["Dockerfile", "pull.Dockerfile"])
def test_the_image_of_localstack_has_the_settings_of_the_manifest(name: str) -> None:
    """An image also runs where no manifest sets them, as in tests/containers."""
    text = (SOURCE / "images" / "localstack" / name).read_text("utf-8").replace("\\\n", " ")
    of_image = dict(re.findall(r"(\w+)=(\S+)", " ".join(re.findall(r"^ENV (.*)$", text, re.MULTILINE))))
    assert shared_settings().items() <= of_image.items()
