"""The bill of materials of a bundle: right by CycloneDX's own schema, and all that the bundle brings is in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from lab.bundle.sbom import sbom, write_sbom
from lab.bundle_file import archive
from lab.bundle_file.opened import CHART, IMAGES, PACKAGES, PROGRAMS
from lab.images.programs import TOOLS
from lab.paths import SOURCE
from lab.pins import pins
from tests.unit.bundles import write_bundle

FILES = {
    f"{PACKAGES}/ruamel_yaml-0.19.1-py3-none-any.whl": b"wheel",
    f"{PACKAGES}/antlr4-python3-runtime-4.9.3.tar.gz": b"source",
    CHART: b"a chart",
    **{f"{PROGRAMS}/{name}-0123": name.encode() for name in TOOLS},
    IMAGES: b"images",
}
FACTS: dict[str, Any] = {
    "images": {
        "references": {"airflow": "lab/airflow:0123", "node": "registry.example:5000/lab/node:1@sha256:00"},
        "debian": ["git=1:2.39.5-0+deb12u2", "libstdc++6=12.2.0-14"],
    },
    "tools": {name: f"{name}-0123" for name in TOOLS},
}


@pytest.fixture
def bundle(tmp_path: Path) -> archive.Bundle:
    return archive.read(write_bundle(tmp_path, FILES, **FACTS))


def by_purl(made: dict[str, Any]) -> dict[tuple[str, str | None, str], dict[str, Any]]:
    """The components by type, namespace and name of their package URLs, which have to be ones."""
    purls = {part["purl"]: PackageURL.from_string(part["purl"]) for part in made["components"]}
    return {(p.type, p.namespace, p.name): part for part in made["components"] for p in [purls[part["purl"]]]}


def test_it_keeps_to_the_schema_of_cyclonedx(bundle: archive.Bundle) -> None:
    text = write_sbom(bundle, SOURCE).read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    made = json.loads(text)
    assert made["metadata"]["component"]["version"] == "v1"
    (all_of_it,) = made["dependencies"]
    assert sorted(all_of_it["dependsOn"]) == sorted(part["bom-ref"] for part in made["components"])


def test_everything_in_the_bundle_is_named_with_its_checksum(bundle: archive.Bundle) -> None:
    found = by_purl(sbom(bundle, SOURCE))
    assert found["pypi", None, "ruamel-yaml"]["version"] == "0.19.1"
    assert found["pypi", None, "antlr4-python3-runtime"]["version"] == "4.9.3"
    assert found["helm", None, "airflow"]["version"] == pins()["chart"]["version"]
    assert {name for kind, _, name in found if kind == "generic"} == set(TOOLS)
    checksums = {each["hashes"][0]["content"] for each in found.values() if "hashes" in each}
    assert checksums == {member.sha256 for member in bundle.members if member.name != IMAGES}


def test_what_the_images_are_made_of_is_named(bundle: archive.Bundle) -> None:
    found = by_purl(sbom(bundle, SOURCE))
    assert found["oci", None, "airflow"]["version"] == "0123"
    assert found["oci", None, "node"]["name"] == "registry.example:5000/lab/node"
    required = (
        (SOURCE / "images/gitea/go.mod").read_text("utf-8").split("require code.gitea.io/gitea ", 1)[1].split()[0]
    )
    assert found["golang", "code.gitea.io", "gitea"]["version"] == required
    assert found["golang", "k8s.io", "kubernetes"]["version"] == f"v{pins()['kubernetes']['version']}"
    assert ("pypi", None, "aiohttp") in found  # of the image pod-identity only
    assert found["deb", "debian", "git"]["version"] == "1:2.39.5-0+deb12u2"
    assert found["deb", "debian", "libstdc++6"]["version"] == "12.2.0-14"


def test_a_bundle_without_images_names_none_of_their_parts(tmp_path: Path) -> None:
    made = sbom(archive.read(write_bundle(tmp_path, {f"{PACKAGES}/one-1-py3-none-any.whl": b"1"})), SOURCE)
    assert [part["purl"] for part in made["components"]] == ["pkg:pypi/one@1?file_name=one-1-py3-none-any.whl"]


def test_equal_bundles_have_equal_ones(bundle: archive.Bundle, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    again = archive.read(write_bundle(tmp_path / "again", FILES, **FACTS))
    assert sbom(again, SOURCE) == sbom(bundle, SOURCE)
