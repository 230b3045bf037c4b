"""`lab status`: its exit status, the wait, and its words for what is not healthy; and when DAGs count as loaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.access import Access
from lab.airflow.dag_errors import import_fault
from lab.engine import health
from lab.engine.base import ServiceStatus, Status
from lab.engine.kind import report as kind_report
from lab.engine.local import LocalEngine, report
from lab.errors import ProgramError
from lab.wait import NotYetError
from tests.unit.airflow_lab import BROKEN, TRACE, AirflowLab
from tests.unit.airflow_server import airflow_server
from tests.unit.conftest import Outcome

Lab = Callable[..., Outcome]
FAULT = import_fault({"filename": "dataset_pipeline.py", "stack_trace": TRACE})
PARSED = 1_000_000_000.0


def of(state: str, **more: Any) -> Status:
    services = (
        [] if state in {"down", "stopped"} else [ServiceStatus("git", state, "" if state == "healthy" else "why")]
    )
    return Status("local", state, services, **more)


def becomes(monkeypatch: pytest.MonkeyPatch, *states: Status) -> list[Status]:
    """Make each poll find the next of these, and then the last one; returns the remaining ones."""
    left = list(states)
    monkeypatch.setattr(LocalEngine, "status", lambda _: left.pop(0) if len(left) > 1 else left[0])
    return left


@pytest.mark.parametrize(
    ("state", "status"), [("healthy", 0), ("degraded", 1), ("starting", 1), ("down", 6), ("stopped", 6)]
)
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_the_exit_status_says_whether_all_is_healthy(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, state: str, status: int, options: tuple[str, ...]
) -> None:
    becomes(monkeypatch, of(state))
    assert lab("status", *options).status == status


def test_wait_ends_as_soon_as_all_is_healthy(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    left = becomes(monkeypatch, of("starting"), of("healthy"))
    outcome = lab("status", "--wait", "--limit", "60")
    assert (outcome.status, len(left)) == (0, 1)
    assert "Waiting for the lab: git: why" in outcome.err


def test_wait_fails_with_the_reason(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    becomes(monkeypatch, of("degraded"))
    outcome = lab("status", "--wait", "--limit", "1")
    assert outcome.status == 10
    assert "error: the lab was not ready within 1 s: git: why" in outcome.err


def test_figures_that_are_unknown_are_not_printed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    becomes(monkeypatch, of("starting"), of("healthy", memory=5 << 20, memory_kind="PSS"))
    assert "Memory" not in lab("status").err
    assert "Memory: 5 MiB (PSS)" in lab("status").err


def test_dag_files_that_do_not_load_are_listed_and_leave_the_lab_healthy(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    becomes(monkeypatch, of("healthy", import_errors=[FAULT]))
    outcome = lab("status")
    assert outcome.status == 0
    assert f"DAGs: 1 file cannot be loaded\n  {BROKEN}\nhint: " in outcome.err
    (shown,) = json.loads(lab("status", "--json").out)["import_errors"]
    assert (shown["file"], shown["line"], shown["error"]) == (FAULT.file, 41, "SyntaxError: invalid syntax")


def test_doctor_fails_on_a_dag_file_that_does_not_load() -> None:
    assert [check.state for check in health.dag_checks([])] == ["ok"]
    (check,) = health.dag_checks([FAULT])
    assert (check.state, check.found) == ("fail", f"does not load: {BROKEN}")


@pytest.mark.parametrize(
    ("info", "shown"),
    [
        (
            {"statename": "EXITED", "stop": 100, "now": 103, "description": "Nov 24 09:06 AM"},
            "exited 3 s ago, restarting",
        ),
        ({"statename": "BACKOFF", "stop": 100, "now": 101}, "exited 1 s ago, restarting"),
        ({"statename": "STOPPED", "stop": 0, "now": 103, "description": "Not started"}, "Not started"),
    ],
)
def test_a_service_without_a_process_says_since_when_and_what_comes_next(info: dict[str, Any], shown: str) -> None:
    assert report.why_not_running(info) == shown


@pytest.mark.parametrize(
    ("started", "shown"),
    [
        ("2999-01-01T00:00:00.604837179Z", "the API server is starting"),
        ("2020-01-01T00:00:00.604837179Z", "the API server does not answer: pods is forbidden: User cannot list"),
    ],
)
def test_while_a_node_starts_the_reason_is_the_api_server(started: str, shown: str) -> None:
    error = ProgramError("kubectl ended with exit status 1", detail="{}\npods is forbidden: User cannot list")
    instance: Any = SimpleNamespace(container=lambda: {"State": {"StartedAt": started}})
    assert kind_report.why_no_answer(instance, error) == shown


@pytest.fixture
def airflow() -> AirflowLab:
    return AirflowLab()


@pytest.fixture
def access(airflow: AirflowLab, tmp_path: Path) -> Iterator[Access]:
    with airflow_server(tmp_path, airflow.answer) as found:
        yield found


def test_a_pipeline_that_was_parsed_since_is_loaded(access: Access, airflow: AirflowLab) -> None:
    health.dags_loaded(access, PARSED)
    airflow.parsed = "2001-01-01T00:00:00Z"
    with pytest.raises(NotYetError):
        health.dags_loaded(access, PARSED)


@pytest.mark.parametrize("known", [True, False])
def test_a_pipeline_that_cannot_be_loaded_does_not_hold_up_the_lab(
    access: Access, airflow: AirflowLab, known: bool
) -> None:
    airflow.break_dag()
    airflow.known = known
    health.dags_loaded(access, PARSED)


def test_another_file_at_fault_is_no_sign_of_the_pipeline(access: Access, airflow: AirflowLab) -> None:
    airflow.break_dag(file="mine.py")
    airflow.known = False
    with pytest.raises(NotYetError, match="not parsed yet"):
        health.dags_loaded(access, PARSED)


def test_an_import_error_of_an_earlier_lab_does_not_count(access: Access, airflow: AirflowLab) -> None:
    airflow.break_dag()
    airflow.errors[0]["timestamp"] = "2001-01-01T00:00:00Z"
    airflow.known = False
    with pytest.raises(NotYetError):
        health.dags_loaded(access, PARSED)
