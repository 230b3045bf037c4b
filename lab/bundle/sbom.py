"""What is in a bundle, as a CycloneDX 1.6 bill of materials in JSON (https://cyclonedx.org/docs/1.6/json/).

It follows from the bundle and its checkout alone, without a time, so that equal bundles have equal ones. Packages are
named by package URLs (https://github.com/package-url/purl-spec).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from packaging.utils import parse_sdist_filename, parse_wheel_filename

from lab import services
from lab.bundle_file.archive import Bundle, Member
from lab.bundle_file.opened import CHART, PACKAGES, PROGRAMS
from lab.engine.airflow_values import name_and_tag
from lab.images.golang import MODULES
from lab.pins import lock_file, pins

Component = dict[str, Any]


def sbom_file(bundle: Path) -> Path:
    return bundle.with_name(f"{bundle.name}.cdx.json")


def write_sbom(bundle: Bundle, source: Path) -> Path:
    """Write it next to the bundle; return its file."""
    target = sbom_file(bundle.file)
    target.write_text(json.dumps(sbom(bundle, source), indent=1) + "\n", "utf-8")
    return target


def sbom(bundle: Bundle, source: Path) -> dict[str, Any]:
    """The bill of materials of a bundle that was made of the checkout at `source`."""
    subject = {
        "type": "application",
        "bom-ref": "mlops-lab",
        "name": "mlops-lab",
        "version": bundle.manifest["made_of"],
    }
    parts = [*packages(bundle), *chart_and_programs(bundle)]
    if bundle.manifest["images"]:
        parts += [*images(bundle), *debian(bundle), *go_modules(source)]
        parts += [part for name in services.image_environments() for part in locked(source / lock_file(name))]
    components = list({part["bom-ref"]: part for part in parts}.values())
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_OID, bundle.digest).urn,
        "version": 1,
        "metadata": {"component": subject},
        "components": components,
        "dependencies": [{"ref": "mlops-lab", "dependsOn": [part["bom-ref"] for part in components]}],
    }


def component(kind: str, name: str, version: str, purl: str, member: Member | None = None) -> Component:
    found: Component = {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}
    if member:
        found["hashes"] = [{"alg": "SHA-256", "content": member.sha256}]
    return found


def packages(bundle: Bundle) -> Iterator[Component]:
    """Each file of a Python package; one package may have several, for several Pythons."""
    for member in bundle.members:
        folder, _, file = member.name.rpartition("/")
        if folder == PACKAGES:
            parsed = parse_wheel_filename(file)[:2] if file.endswith(".whl") else parse_sdist_filename(file)
            name, version = map(str, parsed)
            yield component("library", name, version, f"{pypi(name, version)}?file_name={quote(file)}", member)


def pypi(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{quote(version)}"


def chart_and_programs(bundle: Bundle) -> Iterator[Component]:
    by_name = {member.name: member for member in bundle.members}
    if CHART in by_name:
        chart = pins()["chart"]
        purl = f"pkg:helm/airflow@{chart['version']}?repository_url={quote(chart['repository'], safe='')}"
        yield component("application", "airflow", chart["version"], purl, by_name[CHART])
    for name, file in bundle.manifest.get("tools", {}).items():
        version = pins()["tools"][name]["version"]
        member = by_name[f"{PROGRAMS}/{file}"]
        yield component("application", name, version, f"pkg:generic/{name}@{version}", member)


def images(bundle: Bundle) -> Iterator[Component]:
    for reference in bundle.manifest["images"]["references"].values():
        name, version = name_and_tag(reference.partition("@")[0])
        short = name.rpartition("/")[2]
        purl = f"pkg:oci/{short}?repository_url={quote(name, safe='')}&tag={quote(version)}"
        yield component("container", name, version, purl)


def debian(bundle: Bundle) -> Iterator[Component]:
    """Debian's packages in the images; bundles of earlier versions do not say which those are."""
    for package in bundle.manifest["images"].get("debian", []):
        name, _, version = package.partition("=")
        purl = f"pkg:deb/debian/{quote(name)}@{quote(version, safe='')}?distro={pins()['debian']['suite']}"
        yield component("library", name, version, purl)


def go_modules(source: Path) -> Iterator[Component]:
    """The modules of the Go programs in the images and tools: those with a checksum of their content in go.sum."""
    for module in MODULES:
        for line in (source / module.folder / "go.sum").read_text("utf-8").splitlines():
            name, version, _ = line.split()
            if not version.endswith("/go.mod"):
                yield component("library", name, version, f"pkg:golang/{quote(name)}@{quote(version)}")


def locked(lock: Path) -> Iterator[Component]:
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock.read_text("utf-8"), re.MULTILINE):
        yield component("library", name, version, pypi(name, version))
