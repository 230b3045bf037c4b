"""For all suites: where CI wants it, a line with what each took, from which it makes its table."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

STARTED = time.time()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Add a line to the file that LAB_TEST_TIMES names: the suite, its seconds and tests; workers of xdist add none."""
    times = os.environ.get("LAB_TEST_TIMES")
    if not times or hasattr(session.config, "workerinput"):
        return
    suite = " ".join(Path(argument).name for argument in session.config.args)
    with Path(times).open("a", encoding="utf-8") as file:
        file.write(f"{suite}\t{time.time() - STARTED:.0f}\t{session.testscollected} tests\n")
