"""Small Helm charts, packed as a release is."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab import pins


def pack(file: Path, content: Mapping[str, str]) -> Path:
    """Write a chart of these files, by their paths in it."""
    with tarfile.open(file, "w:gz") as archive:
        for name, text in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return file


def pinned_chart(folder: Path, monkeypatch: pytest.MonkeyPatch, schema: Mapping[str, Any]) -> Path:
    """A chart without values, with this schema, in the place of the pinned one of Airflow."""
    content = {"airflow/values.yaml": "{}", "airflow/values.schema.json": json.dumps(schema)}
    file = pack(folder / "airflow-1.2.3.tgz", content)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setitem(pins.pins(), "chart", {**pins.pins()["chart"], "version": "1.2.3", "sha256": digest})
    return file
