"""A lab that an older version made comes up with this one, keeps its data, and works on."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.secrets import GENERATORS, write_private
from tests.integration.checkout import Checkout, check_out, eventually
from tests.integration.conftest import end
from tests.integration.test_dags import sign_in

PACK = Path(__file__).with_name("older_lab") / "f475e17.tar.gz"
SECRETS = [
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
"""Those that the version had."""
VERSIONS = [
    (1, "dfa7d87dd5ad359a30e4c5f846c07da6"),
    (2, "1112f5783a26a1fff799ec54480b6aa8"),
    (3, "cd80315d6a3dd64ba783886295ccacba"),
]
RUNS = "/api/v2/dags/dataset_pipeline/dagRuns"


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    folder = tmp_path_factory.mktemp("older")
    checkout = check_out(folder)
    checkout.variables["LAB_DATASET__ROWS"] = "500"
    home = checkout.folder / ".lab"
    home.mkdir()
    with tarfile.open(PACK) as pack:
        pack.extractall(home, filter="data")
    (home / "secrets").mkdir(mode=0o700)
    for name in SECRETS:
        write_private(home / "secrets" / name, GENERATORS[name]() + "\n")
    try:
        checkout.lab("up", limit=900)
        yield checkout
    finally:
        end(checkout, folder.name)


def test_it_keeps_its_versions_and_its_secrets(older: Checkout) -> None:
    assert [(each["number"], each["md5"]) for each in older.json("history")[:3]] == VERSIONS
    assert "Nothing to do" in older.lab("up").stderr
    older.lab("verify")


def test_it_makes_new_versions_from_the_old_ones(older: Checkout) -> None:
    before = older.json("history")[-1]
    made = older.json("run", "--rows", "4")["version"]
    assert (made["rows"], made["base_md5"]) == (before["rows"] + 4, before["md5"])
    older.lab("verify")


@pytest.mark.parametrize("flags", [[], ["--replay"]], ids=["copied", "replayed"])
@pytest.mark.parametrize("number", ["2", "3"])
def test_its_versions_are_reproduced(older: Checkout, tmp_path: Path, number: str, flags: list[str]) -> None:
    older.lab("reproduce", number, *flags, "--output", str(tmp_path / "file.csv"))


def test_its_schedule_goes_on(older: Checkout, tmp_path: Path) -> None:
    older.shell(
        f'git clone -q "$PIPELINE_REPOSITORY" {tmp_path}/c && cd {tmp_path}/c\n'
        'sed -i.orig \'s/"0 0 \\* \\* \\*"/"* * * * *"/\' dags/dataset_pipeline.py && rm dags/*.orig\n'
        "git -c user.name=t -c user.email=t@t.invalid commit -qam 'Every minute' && git push -q"
    )

    with httpx.Client(base_url=older.status()["urls"]["airflow"], timeout=30, trust_env=False) as client:
        sign_in(client, older)

        def scheduled() -> Any:
            runs = client.get(RUNS, params={"run_type": "scheduled", "limit": 1}).raise_for_status().json()["dag_runs"]
            return runs[0] if runs and runs[0]["state"] == "success" else None

        run = eventually(scheduled, "a run by the schedule", limit=180)
    assert run["dag_run_id"] in [each["run_id"] for each in older.json("history")]
