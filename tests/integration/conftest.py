"""One lab for all tests that only use it; tests that break a lab make their own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.checkout import Checkout, check_out


def end(checkout: Checkout, name: str) -> None:
    """Collect the logs where CI wants them, then end the lab whatever happened."""
    wanted = os.environ.get("LAB_TEST_LOGS")
    logs = checkout.folder / ".lab" / "logs"
    if wanted and logs.exists():
        for log in logs.glob("*.log"):
            Path(wanted).mkdir(parents=True, exist_ok=True)
            shutil.copy(log, Path(wanted) / f"{name}-{log.name}")
    checkout.lab("down", status=None)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A running lab with the dataset's version 1. Tests push data to it by hand, and want no run of that."""
    checkout = check_out(tmp_path_factory.mktemp("session"))
    checkout.variables["LAB_TRIGGERS__ON_PUSH"] = "false"
    try:
        checkout.lab("up", limit=900)
        yield checkout
    finally:
        end(checkout, f"session-{os.environ.get('PYTEST_XDIST_WORKER', 'all')}")


@pytest.fixture
def own_lab(tmp_path: Path) -> Iterator[Checkout]:
    """A checkout that nothing was done with yet."""
    checkout = check_out(tmp_path)
    try:
        yield checkout
    finally:
        end(checkout, tmp_path.name)
