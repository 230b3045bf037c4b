"""Airflow's chart for the tests that need it: the only thing that skips a test when it is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.chart import find_chart, how_to_get
from lab.config import load
from lab.errors import NetworkError
from lab.paths import SOURCE


def chart_or_skip() -> Path:
    """The chart as `lab up` would find it; without it the test is skipped, loudly, with how to get it."""
    try:
        return find_chart(load(SOURCE / "lab.toml"))
    except NetworkError as error:
        pytest.skip(f"AIRFLOW'S CHART IS MISSING, nothing of Airflow is tested here: {error.message}; {how_to_get()}")
