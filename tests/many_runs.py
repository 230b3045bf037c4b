"""Many runs at once, with people who push meanwhile; what must hold afterwards, on every engine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.integration.checkout import Checkout
from tests.integration.services import sign_in
from tests.waiting import eventually

RUNS = "/api/v2/dags/dataset_pipeline/dagRuns"
PERSON = """
git clone -q "$PIPELINE_REPOSITORY" {folder} && cd {folder}
git config user.name {name} && git config user.email {name}@example.invalid
until [ -e {folder}.enough ]; do
    date >> notes-{name}.md && git add . && git commit -qm "Notes of {name}"
    until git push -q 2> {folder}.log; do git pull -q --rebase || sleep 1; done  # a busy server is asked again
    sleep 4
done
git log --author {name} --format=%H origin/main | wc -l
"""


@contextmanager
def people(lab: Checkout, folder: Path, *names: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Each pushes one commit after the other to the branch until the block ends; then prints how many they were."""
    scripts = [PERSON.format(folder=folder / name, name=name) for name in names]
    started = [lab.start("shell", "--", "sh", "-euc", script, stdout=subprocess.PIPE) for script in scripts]
    try:
        yield started
    finally:
        for name in names:
            (folder / f"{name}.enough").touch()


def start_runs(client: httpx.Client, count: int, rows: int, prefix: str) -> list[str]:
    """Trigger that many runs at the same moment; Airflow accepts each at the first request."""

    def start(number: int) -> str:
        run_id = f"{prefix}-{number}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": {"rows": rows}}
        client.post(RUNS, json=body).raise_for_status()
        return run_id

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(start, range(count)))


def wait_for_runs(client: httpx.Client, run_ids: list[str], limit: float) -> tuple[dict[str, str], int]:
    """How each run ended, and how many were running at a time at most."""
    most = 0

    def ended() -> dict[str, str] | None:
        nonlocal most
        with suppress(httpx.TransportError):
            answer = client.get(RUNS, params={"limit": 100, "order_by": "-run_after"})
            if answer.status_code == 200:
                runs: list[dict[str, Any]] = answer.json()["dag_runs"]
                states = {run["dag_run_id"]: run["state"] for run in runs if run["dag_run_id"] in run_ids}
                most = max(most, sum(state == "running" for state in states.values()))
                if len(states) == len(run_ids) and set(states.values()) <= {"success", "failed"}:
                    return states
        return None

    return eventually(ended, "the end of all runs", limit=limit), most


def require_one_version_each(lab: Checkout, folder: Path, *, count: int, rows: int, limit: float) -> None:
    """Run that many in parallel while two people push, and check the history against the promises."""
    before = lab.json("history")
    url = lab.status()["urls"]["airflow"]
    with (
        httpx.Client(base_url=url, timeout=60, trust_env=False) as client,
        people(lab, folder, "ada", "bob") as authors,
    ):
        sign_in(client, lab)
        run_ids = start_runs(client, count, rows, f"many-{folder.name}")
        states, most = wait_for_runs(client, run_ids, limit)
    pushed = [int(author.communicate(timeout=120)[0]) for author in authors]
    assert set(states.values()) == {"success"}, states
    assert most <= 4
    assert all(number > 1 for number in pushed), pushed
    made = lab.json("history")[len(before) :]
    assert sorted(version["run_id"] for version in made) == sorted(run_ids)
    assert [version["rows_added"] for version in made] == [rows] * count
    assert made[-1]["rows"] == before[-1]["rows"] + count * rows
    merges = f'git clone -q "$PIPELINE_REPOSITORY" {folder}/log && git -C {folder}/log rev-list --merges main | wc -l'
    assert lab.shell(merges).strip() == "0"
    lab.lab("verify", limit=900)
