"""Kubernetes objects as they would be applied: by kustomize, and by Airflow's chart."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.proc import run

Object = dict[str, Any]
LIMIT = 60


def objects(text: str) -> list[Object]:
    """The objects of a stream of YAML documents."""
    from ruamel.yaml import YAML

    return [found for found in YAML(typ="safe", pure=True).load_all(text) if found]


def kustomize(kubectl: Path, folder: Path) -> list[Object]:
    """What `kubectl apply --kustomize` would apply."""
    return objects(run([kubectl, "kustomize", folder], limit=LIMIT).stdout)


def template(helm: Path, chart: Path, files: Sequence[Path]) -> list[Object]:
    """What `helm install airflow` would apply, with these values, later ones over earlier ones."""
    command: list[str | Path] = [
        helm,
        "template",
        "airflow",
        chart,
        "--namespace=airflow",
        *(f"--values={file}" for file in files),
    ]
    environment = {**os.environ, "GOGC": "400"}  # a fifth less time, for more memory for a second
    return objects(run(command, env=environment, limit=LIMIT).stdout)
