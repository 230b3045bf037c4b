"""For all suites: where CI wants it, a line with what each took, from which it makes its table."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

STARTED = time.time()
SECONDS: dict[str, float] = {}
TESTS: dict[str, int] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up the seconds of each suite's tests; with xdist, the controller gets the reports of all workers."""
    suite = Path(report.nodeid).parts[1]
    SECONDS[suite] = SECONDS.get(suite, 0) + report.duration
    TESTS[suite] = TESTS.get(suite, 0) + (report.when == "call")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Add lines to the file that LAB_TEST_TIMES names: the session, then each suite; workers of xdist add none."""
    times = os.environ.get("LAB_TEST_TIMES")
    if not times or hasattr(session.config, "workerinput"):
        return
    workers = session.config.getoption("numprocesses", None) or 1
    with Path(times).open("a", encoding="utf-8") as file:
        file.write(f"{'+'.join(SECONDS)}\t{time.time() - STARTED:.0f}\t{session.testscollected} tests\n")
        file.writelines(
            f"  of which {suite}\t{SECONDS[suite] / workers:.0f}\t{TESTS[suite]} tests\n"
            for suite in (SECONDS if len(SECONDS) > 1 else ())
        )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On several workers, a file's tests stay on one, as they share services; unit tests share none."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None and "unit" not in item.path.parts:
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(item.config.rootpath))))
