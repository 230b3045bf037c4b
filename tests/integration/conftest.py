"""The labs that tests share: a new one, and one of an earlier version. Tests that need a lab in another state make it.

Tests that share a lab run on one worker, which brings it up once (tests/conftest.py).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.secrets import GENERATORS, write_private
from tests.integration.checkout import Checkout, check_out

OLDER_LAB = Path(__file__).with_name("older_lab") / "f475e17.tar.gz"
OLDER_SECRETS = [
    "airflow-api-secret",
    "airflow-fernet-key",
    "airflow-jwt-secret",
    "airflow-password",
    "aws-access-key-id",
    "aws-secret-access-key",
    "gitea-internal-token",
    "gitea-jwt-secret",
    "gitea-secret-key",
    "git-password",
    "postgres-airflow-password",
    "postgres-gitea-password",
    "postgres-password",
    "supervisor-password",
    "webhook-secret",
]
"""Those that f475e17 had."""


def end(checkout: Checkout, name: str) -> None:
    """Collect the logs where CI wants them, then end the lab whatever happened."""
    wanted = os.environ.get("LAB_TEST_LOGS")
    logs = checkout.folder / ".lab" / "logs"
    if wanted and logs.exists():
        for log in logs.glob("*.log"):
            Path(wanted).mkdir(parents=True, exist_ok=True)
            shutil.copy(log, Path(wanted) / f"{name}-{log.name}")
    checkout.lab("down", status=None)


@contextlib.contextmanager
def running(checkout: Checkout, name: str) -> Iterator[Checkout]:
    """The checkout's lab, up; `name` is that of its logs."""
    try:
        checkout.lab("up", limit=900)
        yield checkout
    finally:
        end(checkout, name)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A running lab with the dataset's version 1. Tests push data to it by hand, and want no run of that."""
    checkout = check_out(tmp_path_factory.mktemp("session"))
    checkout.variables["LAB_TRIGGERS__ON_PUSH"] = "false"
    with running(checkout, f"session-{os.environ.get('PYTEST_XDIST_WORKER', 'all')}") as lab:
        yield lab


@pytest.fixture(scope="session")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A lab of an earlier version, with its data and secrets, that this one runs. It looks for pushes each second."""
    folder = tmp_path_factory.mktemp("older")
    checkout = check_out(folder)
    checkout.variables |= {"LAB_DATASET__ROWS": "500", "LAB_TRIGGERS__POLL_SECONDS": "1"}
    home = checkout.folder / ".lab"
    home.mkdir()
    with tarfile.open(OLDER_LAB) as pack:
        pack.extractall(home, filter="data")
    (home / "secrets").mkdir(mode=0o700)
    for name in OLDER_SECRETS:
        write_private(home / "secrets" / name, GENERATORS[name]() + "\n")
    with running(checkout, folder.name) as lab:
        yield lab


@pytest.fixture
def own_lab(tmp_path: Path) -> Iterator[Checkout]:
    """A checkout that nothing was done with yet."""
    checkout = check_out(tmp_path)
    try:
        yield checkout
    finally:
        end(checkout, tmp_path.name)
