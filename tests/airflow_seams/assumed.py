"""Says which assumption about Airflow no longer holds, and what depends on it."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable
from typing import Any, ParamSpec

import pytest

from lab.paths import SOURCE

FILE = SOURCE / "lab" / "airflow" / "assumptions.toml"
ASSUMPTIONS: dict[str, dict[str, Any]] = tomllib.loads(FILE.read_text("utf-8"))
"""All assumptions, by name."""
OUTSIDE: set[str] = set()
"""The names of those that are checked through Airflow's API."""
Parameters = ParamSpec("Parameters")


def broken(name: str, reason: str) -> str:
    """The message of a failed check."""
    each = ASSUMPTIONS[name]
    files = "".join(f"\n  {file}" for file in each["used_by"])
    return (
        f"this Airflow differs from the assumption `{name}`: {each['holds']}\n{reason}\n"
        f"Consequence: {each['otherwise']}\nFiles that depend on it:{files}\nWhat to do: docs/airflow-upgrade.md"
    )


def assumes(name: str) -> Callable[[Callable[Parameters, None]], Callable[Parameters, None]]:
    """Mark a test as the check of an assumption."""

    def mark(test: Callable[Parameters, None]) -> Callable[Parameters, None]:
        OUTSIDE.add(name)

        @functools.wraps(test)
        def checked(*arguments: Parameters.args, **options: Parameters.kwargs) -> None:
            try:
                test(*arguments, **options)
            except Exception as error:
                pytest.fail(broken(name, f"{type(error).__name__}: {error}"))

        return checked

    return mark
