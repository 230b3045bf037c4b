"""A lab on kind, made once through the command line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chart import chart_or_skip
from tests.e2e.cluster import KindLab
from tests.integration.checkout import check_out


def everything_in_docker() -> dict[str, set[str]]:
    """What Docker holds that a lab could leave behind or remove."""
    listings = {
        "containers": ["ps", "--all", "--quiet", "--no-trunc"],
        "networks": ["network", "ls", "--quiet", "--no-trunc"],
        "volumes": ["volume", "ls", "--quiet"],
    }
    return {
        name: set(subprocess.run(["docker", *command], capture_output=True, text=True, check=True).stdout.split())
        for name, command in listings.items()
    }


@contextmanager
def kind_lab(folder: Path, name: str, **settings: str) -> Iterator[KindLab]:
    """A lab on kind that was brought up with these variables, in a checkout and a cluster that it has alone."""
    chart = chart_or_skip()
    checkout = check_out(folder)
    variables = {
        "LAB_CLUSTER__NAME": f"{name}-{os.getpid()}",
        "LAB_AIRFLOW__CHART": str(chart),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
        **settings,
    }
    made = KindLab(checkout.folder, checkout.home, variables, "kind")
    try:
        made.lab("up", limit=4000)
        yield made
    finally:
        made.collect(os.environ.get("LAB_TEST_LOGS"), name)
        made.lab("down", "--purge", status=None)


@pytest.fixture(scope="session")
def before() -> dict[str, set[str]]:
    """Docker as it was before the lab."""
    return everything_in_docker()


@pytest.fixture(scope="session")
def lab(before: dict[str, set[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[KindLab]:
    """A running lab on kind with the dataset's version 1, for all tests; what each leaves is a lab that works."""
    with kind_lab(tmp_path_factory.mktemp("e2e"), "e2e") as made:
        yield made
