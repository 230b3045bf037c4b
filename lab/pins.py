"""Reads lab/pins.toml, which has all versions that no lock holds."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

PLAIN = "plain"
"""What only `lab bench` installs."""
GO = "go"
"""What only images and tools are built with."""
PACKAGER = "packager"
"""What only bundles are made with."""
AUDIT = "audit"
"""What only `lab audit` installs."""


@cache
def pins() -> dict[str, Any]:
    """The pins as a dictionary; see the file for its tables."""
    return tomllib.loads(Path(__file__).with_name("pins.toml").read_text("utf-8"))


def locked() -> list[str]:
    """The environments; each has a lock."""
    return list(pins()["environments"])


def lock_file(name: str) -> str:
    """The lock of an environment, relative to the checkout: next to its image, unless its pins name another path."""
    return str(pins()["environments"][name].get("lock", f"images/{name}/requirements.lock"))


def version_tuple(text: str) -> tuple[int, ...]:
    """`"3.11.2"` as `(3, 11, 2)`; anything after the numbers is left out."""
    numbers = []
    for part in text.split("."):
        digits = "".join(c for c in part if c.isdigit())
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)
