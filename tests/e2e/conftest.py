"""A lab on kind, made once through the command line; what every test leaves is a lab that works."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chart import chart_or_skip
from tests.e2e.cluster import KindLab
from tests.integration.checkout import check_out


def everything_in_docker() -> dict[str, set[str]]:
    """What Docker holds that a lab could leave behind or take away."""
    listings = {
        "containers": ["ps", "--all", "--quiet", "--no-trunc"],
        "networks": ["network", "ls", "--quiet", "--no-trunc"],
        "volumes": ["volume", "ls", "--quiet"],
    }
    return {
        name: set(subprocess.run(["docker", *command], capture_output=True, text=True, check=True).stdout.split())
        for name, command in listings.items()
    }


@pytest.fixture(scope="session")
def before() -> dict[str, set[str]]:
    """Docker as it was before the lab."""
    return everything_in_docker()


@pytest.fixture(scope="session")
def lab(before: dict[str, set[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[KindLab]:
    """A running lab on kind with the dataset's version 1."""
    chart = chart_or_skip()
    checkout = check_out(tmp_path_factory.mktemp("e2e"))
    variables = {
        "LAB_CLUSTER__NAME": f"e2e-{os.getpid()}",
        "LAB_AIRFLOW__CHART": str(chart),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
    }
    made = KindLab(checkout.folder, checkout.home, variables, "kind")
    try:
        made.lab("up", limit=4000)
        yield made
    finally:
        made.collect(os.environ.get("LAB_TEST_LOGS"))
        made.lab("down", "--purge", status=None)
