"""The client of Airflow's REST API, against a server that loses its answers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.access import Access
from lab.airflow.client import Airflow
from lab.errors import NotRunningError, ServiceError
from tests.unit.airflow_server import airflow_server


@dataclass
class Losing:
    """Makes a run as Airflow does and answers the first requests for it with 500, whether they have made it or not."""

    made_before_the_error: bool
    runs: list[str] = field(default_factory=list)
    errors_left: int = 2

    def answer(self, _path: str, body: dict[str, str]) -> tuple[int, dict[str, str]]:
        run_id = body["dag_run_id"]
        fails = self.errors_left > 0
        self.errors_left -= 1
        if run_id in self.runs:
            return 409, {"detail": "there is one"}
        if self.made_before_the_error or not fails:
            self.runs.append(run_id)
        return (500, {}) if fails else (200, {"dag_run_id": run_id})


@pytest.fixture(params=[True, False], ids=["made", "not-made"])
def server(request: pytest.FixtureRequest) -> Losing:
    return Losing(request.param)


@pytest.fixture
def access(server: Losing, tmp_path: Path) -> Iterator[Access]:
    with airflow_server(tmp_path, server.answer) as found:
        yield found


def test_a_run_that_was_answered_with_an_error_is_started_once(server: Losing, access: Access) -> None:
    with Airflow(access, patience=30) as airflow:
        run_id = airflow.trigger("dag", {})
    assert server.runs == [run_id]


def test_runs_started_in_the_same_moment_are_separate_runs(server: Losing, access: Access) -> None:
    with Airflow(access, patience=30) as airflow:
        assert len({airflow.trigger("dag", {}) for _ in range(10)}) == len(server.runs) == 10


def test_a_client_without_patience_raises_the_error_at_once(server: Losing, access: Access) -> None:
    with Airflow(access) as airflow, pytest.raises(NotRunningError, match="answered 500"):
        airflow.trigger("dag", {})
    assert server.errors_left == 1


def refusing(times: int) -> Callable[[str, object], tuple[int, dict[str, str]]]:
    """An answer that refuses the token that many times, as Airflow does after its signing key was replaced."""
    answers = itertools.chain(
        [(403, {"detail": "Invalid JWT token"})] * times, itertools.repeat((200, {"is": "there"}))
    )
    return lambda *_: next(answers)


def test_a_token_that_is_no_longer_valid_is_replaced(tmp_path: Path) -> None:
    with airflow_server(tmp_path, refusing(1)) as found, Airflow(found) as airflow:
        assert airflow.request("GET", "/api/v2/monitor/health") == {"is": "there"}


def test_what_a_new_token_does_not_open_is_an_error(tmp_path: Path) -> None:
    with (
        airflow_server(tmp_path, refusing(2)) as found,
        Airflow(found) as airflow,
        pytest.raises(ServiceError, match="answered 403"),
    ):
        airflow.health()
