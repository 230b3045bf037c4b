"""`lab bundle` and `lab up --bundle` where they must refuse: one error that names it, and nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.bundle_file.opened import CHART, IMAGES, PACKAGES, PROGRAMS
from lab.errors import HostError
from lab.images.bundle import BundledImages
from lab.images.programs import TOOLS, place
from lab.paths import SOURCE, Paths
from lab.pins import pins
from tests.unit.bundles import flip, position_of, write_bundle
from tests.unit.conftest import Outcome

Lab = Callable[..., Outcome]
WHEEL = f"{PACKAGES}/one-1-py3-none-any.whl"
ABROAD = {"source": "build", "architecture": "amd64", "baked": True, "references": {"base": "lab/base:0"},
          "archived": ["base"]}  # fmt: skip


@pytest.fixture
def source(checkout: Paths) -> Paths:
    """A checkout with everything that a bundle is compared with."""
    for name in ("uv.lock", "images", "lab", "localstack", "pyproject.toml"):
        (checkout.source / name).symlink_to(SOURCE / name)
    return checkout


def refusal(outcome: Outcome) -> str:
    (error,) = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in outcome.err
    assert outcome.err.splitlines()[-1].startswith("hint: ")
    return error


def test_a_file_that_is_not_there(lab: Lab, source: Paths) -> None:
    outcome = lab("up", "--bundle", "none.tar")
    assert outcome.status == 4
    assert "none.tar cannot be read: No such file" in refusal(outcome)


@pytest.mark.parametrize("content", [b"one" * 400, b"a program"])
def test_one_changed_bit(lab: Lab, source: Paths, tmp_path: Path, content: bytes) -> None:
    file = write_bundle(tmp_path)
    flip(file, position_of(file, content))
    outcome = lab("up", "--bundle", str(file))
    assert outcome.status == 1
    assert "the bundle lab.tar is damaged: p" in refusal(outcome)
    assert not list((source.home / "bundle").glob("*"))


def test_a_bundle_without_images_for_a_cluster(lab: Lab, source: Paths, tmp_path: Path) -> None:
    outcome = lab("up", "--engine", "kind", "--bundle", str(write_bundle(tmp_path, {WHEEL: b"1"})))
    assert outcome.status == 3
    assert "lab.tar has no images, which engine kind needs" in refusal(outcome)


def test_images_from_a_bundle_and_from_elsewhere(
    lab: Lab, source: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_IMAGES__SOURCE", "build")
    outcome = lab("up", "--bundle", str(write_bundle(tmp_path)))
    assert outcome.status == 3
    assert "images.source is 'build'" in refusal(outcome)
    assert not (source.home / "bundle").exists()


def test_images_of_another_checkout(lab: Lab, source: Paths, tmp_path: Path) -> None:
    file = write_bundle(tmp_path, {IMAGES: b""}, images=ABROAD, tools={"kind": "kind-0"}, chart="0")
    outcome = lab("up", "--engine", "kind", "--bundle", str(file))
    assert outcome.status == 4
    said = refusal(outcome)
    assert "made with another image base, program helm, program kind, program kubectl, the chart" in said


@pytest.mark.parametrize("name", ["../../../x", "/x"])
def test_no_file_is_put_where_a_bundle_names_a_program(lab: Lab, source: Paths, tmp_path: Path, name: str) -> None:
    """The images, tools and chart of this checkout, and one program more."""
    ours = {tool: place(source, tool).name for tool in TOOLS}
    images = {"source": "build", "architecture": "amd64", "baked": True, "references": {}, "archived": []}
    facts = {"images": images, "tools": {**ours, "x": name}, "chart": pins()["chart"]["sha256"]}
    files = {CHART: b"", **{f"{PROGRAMS}/{tool}": b"" for tool in ours.values()}, IMAGES: b""}
    outcome = lab("up", "--engine", "kind", "--bundle", str(write_bundle(tmp_path, files, **facts)))
    assert outcome.status == 1
    assert "has unknown programs: x" in refusal(outcome)
    assert not source.tools.exists()


def test_images_from_a_bundle_want_one_that_was_opened(source: Paths) -> None:
    with pytest.raises(HostError, match="no bundle with images was opened"):
        BundledImages(source)


def test_a_bundle_for_an_engine_that_is_none(lab: Lab, source: Paths) -> None:
    outcome = lab("bundle", "--engine", "nosuch")
    assert outcome.status == 3
    assert "no bundle for engine 'nosuch'" in refusal(outcome)


def test_a_bundle_in_a_folder_that_is_not_there(lab: Lab, source: Paths) -> None:
    outcome = lab("bundle", "--engine", "local", "nowhere/lab.tar")
    assert outcome.status == 4
    assert "there is no folder" in refusal(outcome)
