"""What the lab assumes about Airflow (lab/airflow/assumptions.toml), one test each, with the Airflow of the lock.

First what the lab's clients assume about Airflow's API, with these clients and the real API server; at the end what is
checked in Airflow's own interpreter (`inside/`). One file, so that one worker of pytest-xdist starts Airflow once.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lab.access import AIRFLOW_USER, DAG
from lab.airflow.client import COMPONENTS, Airflow
from lab.lineage.start import said_in
from lab.paths import SOURCE
from lab.triggers import airflow as triggers
from lab.triggers.history import Changes
from tests.airflow_seams.assumed import ASSUMPTIONS, OUTSIDE, assumes, broken
from tests.airflow_seams.conftest import BROKEN
from tests.airflow_seams.conftest import Airflow as Installed

RUN_ID = "manual__with_a_log"
"""The run that the server has from the start (inside/server.py)."""
SECONDS = 5
ASSET = "lab://datasets/changed"


@pytest.fixture
def client(airflow: Installed) -> Iterator[Airflow]:
    """The lab's client, signed in."""
    with Airflow(airflow.server()) as signed_in:
        yield signed_in


def by_triggers(
    airflow: Installed, login: Path, ask: Callable[[triggers.AirflowEvents], Coroutine[Any, Any, Any]]
) -> Any:
    """What the service `triggers` gets from Airflow by its own client."""

    async def asked() -> Any:
        async with aiohttp.ClientSession() as session:
            service = triggers.AirflowEvents(session, airflow.server().url("airflow"), login)
            await service.sign_in()
            return await ask(service)

    return asyncio.run(asked())


@assumes("sign-in")
def test_a_client_with_a_refused_token_signs_in_again(client: Airflow) -> None:
    client.http.headers["Authorization"] = "Bearer expired"
    assert client.send("GET", "/api/v2/dags").status_code in {401, 403}
    assert client.dag() is not None


@assumes("password-file")
def test_a_replaced_password_is_valid_at_once(airflow: Installed, login: Path) -> None:
    before = login.read_text("utf-8")
    credentials = {"username": AIRFLOW_USER, "password": secrets.token_hex(16)}
    with Airflow(airflow.server()) as client:
        assert client.send("POST", "/auth/token", json=credentials).status_code == 401
        try:
            login.write_text(json.dumps({AIRFLOW_USER: credentials["password"]}), "utf-8")
            assert client.send("POST", "/auth/token", json=credentials).status_code == 201
        finally:
            login.write_text(before, "utf-8")


@assumes("health")
def test_the_health_of_each_component(client: Airflow) -> None:
    found = client.health()
    assert found["metadatabase"]["status"] == "healthy"
    for name in COMPONENTS[1:]:
        assert {"status", f"latest_{name}_heartbeat"} <= found[name].keys()


@assumes("dag")
def test_a_dag_has_what_the_lab_reads(client: Airflow) -> None:
    dag = client.dag()
    assert dag is not None
    expected = {"is_stale": False, "has_import_errors": False, "is_paused": False}
    assert {name: dag[name] for name in expected} == expected
    assert dag["relative_fileloc"] == f"{DAG}.py"
    assert datetime.fromisoformat(dag["last_parsed_time"]).tzinfo
    assert client.why_not_loaded(dag) == ""
    assert client.dag("nosuch") is None


@assumes("import-errors")
def test_an_import_error_names_file_and_line(client: Airflow) -> None:
    module = BROKEN.split()[1]
    (fault,) = client.import_errors()
    assert str(fault) == f"dags/broken.py:2: ModuleNotFoundError: No module named '{module}'"


@assumes("trigger")
def test_a_run_starts_once_for_its_id(client: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda _: "same")
    run_id = client.trigger(DAG, {"rows": 2})
    run = client.run(DAG, run_id)
    assert (run["logical_date"], run["conf"]["rows"], run["state"]) == (None, 2, "queued")
    assert len(run["bundle_version"]) == 40
    body: dict[str, Any] = {"dag_run_id": run_id, "logical_date": None, "conf": {}}
    assert client.send("POST", f"/api/v2/dags/{DAG}/dagRuns", json=body).status_code == 409


@assumes("runs")
def test_runs_are_listed_by_state_and_newest_first(client: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = client.trigger(DAG, {})
    assert client.runs(DAG)[0]["dag_run_id"] == run_id
    assert client.runs(DAG, limit=1)[0]["dag_run_id"] == run_id
    monkeypatch.setattr("lab.airflow.client.PAGE", 1)
    assert {RUN_ID, run_id} <= client.run_ids(DAG)
    active = {run["dag_run_id"] for run in client.active_runs()}
    assert run_id in active
    assert RUN_ID not in active
    assert client.run_ids("nosuch") == set()


@assumes("tasks")
def test_a_task_instance_has_what_the_lab_reads(client: Airflow) -> None:
    tasks = {task["task_id"]: task for task in client.tasks(DAG, RUN_ID)}
    assert set(tasks) == {"pull_data", "modify_data", "push_data"}
    pulled = tasks["pull_data"]
    assert (pulled["state"], pulled["try_number"], pulled["map_index"], pulled["seconds"]) == ("failed", 1, -1, SECONDS)
    assert len(pulled["id"]) == 36
    assert tasks["push_data"]["seconds"] is None


@assumes("task-log")
def test_the_log_of_a_task_has_its_lines_and_exceptions(client: Airflow) -> None:
    lines = client.task_log(DAG, RUN_ID, "pull_data", 1)
    assert said_in(lines, "error") == ["the step said so"]
    assert "ValueError: invalid literal for int() with base 10: 'no number'" in lines, lines
    assert not any(line.startswith("::") for line in lines)


@assumes("asset-events")
def test_an_asset_keeps_what_its_newest_event_says(airflow: Installed, login: Path) -> None:
    older, newer = "a" * 40, "b" * 40

    async def raised(service: triggers.AirflowEvents) -> list[str]:
        asset = await service.asset(ASSET)
        assert asset is not None, "the asset of the DAG is not found"
        assert await service.asset("lab://nosuch") is None
        for commit in (older, newer):
            await service.raise_event(asset, Changes(commit, [commit], "Ada", ["datasets/a.csv"]))
        return await service.handled(asset)

    assert by_triggers(airflow, login, raised)[:2] == [newer, older]


@assumes("variables")
def test_a_variable_is_returned_as_it_was_stored(airflow: Installed, login: Path) -> None:
    first, second = "1" * 40, "2" * 40

    async def remembered(service: triggers.AirflowEvents) -> list[list[str]]:
        found = [await service.handled(None)]
        for commit in (first, second):  # made, then changed
            await service.remember(commit)
            found.append(await service.handled(None))
        return found

    assert by_triggers(airflow, login, remembered) == [[], [first], [second]]


@assumes("no-page-of-another-origin")
def test_a_request_of_another_origin_changes_nothing(client: Airflow) -> None:
    path = "/api/v2/variables"
    body = {"key": "foreign", "value": "any"}
    refused = client.http.post(path, json=body, headers={"Sec-Fetch-Site": "same-site"})
    assert (refused.status_code, "another origin" in refused.text) == (403, True)
    allowed = client.http.post(path, json=body, headers={"Sec-Fetch-Site": "same-origin"})
    assert allowed.status_code == 201
    assert "frame-ancestors 'self'" in allowed.headers["content-security-policy"]


INSIDE = sorted(set(ASSUMPTIONS) - OUTSIDE)


@pytest.mark.parametrize("name", INSIDE)
def test_airflow_works_as_the_lab_assumes(airflow: Installed, name: str) -> None:
    if reason := airflow.outcomes.get(name, f"its check could not be loaded: {airflow.errors}"):
        pytest.fail(broken(name, reason))


def test_every_check_belongs_to_one_assumption(airflow: Installed) -> None:
    assert (airflow.errors, sorted(airflow.outcomes)) == ("", INSIDE)


def test_the_files_that_depend_on_an_assumption_exist() -> None:
    named = {file for each in ASSUMPTIONS.values() for file in each["used_by"]}
    assert [file for file in sorted(named) if not (SOURCE / file).exists()] == []
