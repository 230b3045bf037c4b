"""Pushes as a person makes them, and what Airflow made of them; on every engine."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path
from typing import Any

import httpx

from lab.access import DATASET
from tests.integration.checkout import Checkout
from tests.integration.services import sign_in
from tests.waiting import eventually

PERSON = "git -c user.name=Ann -c user.email=ann@example.invalid commit -q"
DAG = "/api/v2/dags/dataset_pipeline"


def push(lab: Checkout, folder: Path, edit: str) -> str:
    """Clone the repository, run the shell lines `edit` in it, push, and return the commit."""
    clone = folder / f"clone-{secrets.token_hex(4)}"
    return lab.shell(
        f'git clone -q "$PIPELINE_REPOSITORY" {clone} && cd {clone}\n{edit}\n'
        "until git push -q; do git pull -q --rebase; done && git rev-parse HEAD"
    ).strip()


def new_dataset(name: str) -> str:
    """The edit of a person who puts a dataset of hers under DVC."""
    file = f"datasets/{name}.csv"
    return (
        f"dvc pull -q {DATASET}.dvc && head -n 11 {DATASET} > {file}\n"
        f"dvc add -q {file} && dvc push -q {file}.dvc && git add datasets && {PERSON} -m 'A dataset by hand'"
    )


def sample(rows: int) -> str:
    """The edit of a person who makes a version of the lab's dataset by hand: its first rows."""
    return (
        f"dvc pull -q {DATASET}.dvc && head -n {rows + 1} {DATASET} > few && mv few {DATASET}\n"
        f"dvc add -q {DATASET} && dvc push -q {DATASET}.dvc && {PERSON} -am 'A sample'"
    )


def ask(lab: Checkout, path: str, **parameters: Any) -> Any:
    """What Airflow's REST API answers, when it can."""
    url = lab.status()["urls"]["airflow"]

    def answer() -> Any:
        with contextlib.suppress(httpx.HTTPError), httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            sign_in(client, lab)
            return client.get(path, params=parameters).raise_for_status().json()
        return None

    return eventually(answer, f"Airflow answers to {path}", limit=180)


def events(lab: Checkout) -> list[dict[str, Any]]:
    """The asset's events, oldest first."""
    found: list[dict[str, Any]] = ask(lab, "/api/v2/assets/events", order_by="timestamp", limit=100)["asset_events"]
    return found


def started(lab: Checkout) -> list[dict[str, Any]]:
    """The runs that events started, oldest first."""
    runs = ask(lab, f"{DAG}/dagRuns", order_by="run_after", limit=100)["dag_runs"]
    return [run for run in runs if run["run_type"] == "asset_triggered"]


def ended(lab: Checkout, number: int) -> dict[str, Any]:
    """The run that the event of this number (from 1) started, when it has ended."""

    def look() -> dict[str, Any] | None:
        runs = started(lab)
        return runs[number - 1] if len(runs) >= number and runs[number - 1]["end_date"] else None

    return eventually(look, f"run {number} of an event has ended", limit=240)
