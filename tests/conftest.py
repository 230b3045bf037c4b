"""For all suites: where CI wants it, a line with what each took, from which it makes its table."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

STARTED = time.time()
SECONDS: dict[str, float] = {}
TESTS: dict[str, int] = {}
LABS = {
    f"test_{file}": lab
    for lab, files in {
        "first": ("dags", "drill", "executors", "many_runs", "pod_security", "reports", "runs"),
        "second": ("garbage", "lineage", "other_user", "up_down", "versions"),
        "older": ("older_lab", "secrets", "triggers"),
    }.items()
    for file in files
}
"""Which tests of tests/integration share a lab. Each is brought up once, by the worker that gets them."""


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


class ByLab(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps the tests of a file on one worker, as they share services, and with them those of files that share a lab.

    Unit tests share none. The marker `xdist_group` has no effect: pytest 9.2 ignores what xdist 3.8 adds to node ids.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0])
        return nodeid if file.parts[1] == "unit" else LABS.get(file.stem, file.as_posix())


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """In place of `--dist loadscope`."""
    return ByLab(config, log) if config.getvalue("dist") == "loadscope" else None
