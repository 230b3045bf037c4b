"""The files below `k8s/` of this checkout, read: what both engines configure alike stands there."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

Object = dict[str, Any]
FOLDER = Path(__file__).resolve().parents[1] / "k8s"


@functools.cache
def documents(file: str) -> tuple[Object, ...]:
    """The YAML documents of a file, by its path relative to `k8s/`."""
    return parse((FOLDER / file).read_text("utf-8"))


def parse(text: str) -> tuple[Object, ...]:
    """The YAML documents that are objects, in YAML 1.1, as Kubernetes and Helm read them."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML has libyaml
    return tuple(each for each in yaml.load_all(text, Loader=loader) if isinstance(each, dict))


def values(file: str) -> Object:
    """The Helm values in a file."""
    (found,) = documents(file)
    return found


def overlay(file: str) -> tuple[Object, ...]:
    """The objects in a file of the overlay `local`."""
    return documents(f"overlays/local/{file}")


def services_of(objects: tuple[Object, ...]) -> tuple[Object, ...]:
    """The Kubernetes Services among these objects."""
    return tuple(each for each in objects if each["kind"] == "Service")


def container(objects: tuple[Object, ...], name: str) -> Object:
    """The container of that name in the pods of these objects' workloads."""
    templates = (each["spec"]["template"]["spec"] for each in objects if "template" in each.get("spec", {}))
    (found,) = (each for spec in templates for each in spec["containers"] if each["name"] == name)
    return dict(found)
