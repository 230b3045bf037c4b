"""What the error of a failed run says, from its log in Airflow (answers recorded from Airflow 3.2.2)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.airflow.client import Airflow
from lab.errors import CheckFailedError
from lab.lineage.start import failure
from tests.unit.airflow_server import airflow_server

RUN = "manual__2026-11-22T03:37:31.908026+00:00_194e74ef"
FAILED = [{"task_id": "modify_data", "try_number": 4}]
CODE_IS_GONE = [
    {"event": "::group::Log message source details", "sources": ["attempt=4.log"]},
    {"event": "::endgroup::"},
    {"timestamp": "2026-11-22T03:42:39.584993Z", "event": "Cloning bare repository", "level": "info"},
    {
        "timestamp": "2026-11-22T03:42:40.026555Z",
        "event": "Top level error",
        "level": "error",
        "error_detail": [
            {
                "exc_type": "AirflowException",
                "exc_value": "Version b41dad563a46ff22fd7f9b02a37d3412d9431913 not found in the repository",
                "is_cause": False,
                "frames": [],
            }
        ],
    },
    {"event": "Process exited abnormally", "level": "warning", "exit_code": 1},
]
BROKEN_DATASET = [
    {"event": "error: employee_attrition.csv, line 1: column 2: 'Age' is missing", "level": "info"},
    {"event": "hint: fix the dataset", "level": "info"},
    {
        "event": "Task failed with exception",
        "error_detail": [{"exc_type": "AirflowFailException", "exc_value": "modify_data: a broken dataset"}],
    },
]


@pytest.fixture
def airflow(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Airflow]:
    def answer(path: str, _body: object) -> tuple[int, dict[str, Any]]:
        assert path.startswith(f"/api/v2/dags/dataset_pipeline/dagRuns/{RUN}/taskInstances/modify_data/logs/4")
        return 200, {"content": request.param, "continuation_token": None}

    with airflow_server(tmp_path, answer) as access, Airflow(access) as signed_in:
        yield signed_in


def failure_of(airflow: Airflow) -> CheckFailedError:
    return failure(airflow, RUN, FAILED)


@pytest.mark.parametrize("airflow", [CODE_IS_GONE], indirect=True)
def test_a_run_without_its_code_after_a_rewrite_says_so(airflow: Airflow) -> None:
    error = failure_of(airflow)
    assert error.message == (
        "modify_data: the history of the repository was rewritten: b41dad563a46, the commit of this run's DAG, is gone"
    )
    assert "start another" in error.hint


@pytest.mark.parametrize("airflow", [BROKEN_DATASET], indirect=True)
def test_what_a_step_says_comes_before_what_airflow_raises(airflow: Airflow) -> None:
    error = failure_of(airflow)
    assert error.message == "modify_data: employee_attrition.csv, line 1: column 2: 'Age' is missing"
    assert error.hint == "fix the dataset"


@pytest.mark.parametrize("airflow", [BROKEN_DATASET[2:]], indirect=True)
def test_of_a_step_that_said_nothing_what_airflow_raised_is_shown(airflow: Airflow) -> None:
    assert (failure_of(airflow).detail or "").splitlines()[-1] == "AirflowFailException: modify_data: a broken dataset"
