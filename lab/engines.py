"""The engines: one row for each, its name and where its class is. An engine is one folder and one row here."""

from __future__ import annotations

from importlib import import_module
from typing import Any

ENGINES = {
    "local": "lab.engine.local:LocalEngine",
    "kind": "lab.engine.kind:KindEngine",
    "eks": "lab.engine.eks.engine:EksEngine",
}
"""What `ENGINE` and the setting `engine` name, besides `auto`."""


def load(path: str) -> Any:
    """What `module:name` names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
