"""The checks that run in Airflow's own interpreter, by their assumptions' names (lab/airflow/assumptions.toml)."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable
from typing import Any

CHECKS: dict[str, Callable[[], None]] = {}
Check = Callable[[], None]


def check(name: str) -> Callable[[Check], Check]:
    """Register a check; it raises an error if the assumption does not hold."""

    def register(function: Check) -> Check:
        assert name not in CHECKS, name
        CHECKS[name] = function
        return function

    return register


def outcome(function: Check) -> str:
    """Why an assumption does not hold; empty if it holds."""
    try:
        function()
    except Exception as error:
        place = traceback.format_exc() if not isinstance(error, AssertionError) else ""
        return f"{type(error).__name__}: {error}\n{place}".rstrip()
    return ""


def equal(found: Any, expected: Any, what: str) -> None:
    """Require that what Airflow has is what the lab expects."""
    require(found == expected, f"{what}: found {found!r}, expected {expected!r}")


def require(condition: object, message: str) -> None:
    """Require that the condition is true; `message` says what was found."""
    if not condition:
        raise AssertionError(message)


def names_in(function: Any) -> set[str]:
    """The global names and attributes that the code of a function uses."""
    return set(function.__code__.co_names)


def expected() -> dict[str, Any]:
    """What the lab expects, from the environment that the test gives to this process."""
    found: dict[str, Any] = json.loads(os.environ["LAB_EXPECTED"])
    return found
