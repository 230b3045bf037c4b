"""An engine is one folder and one row of lab.engines: the commands and the settings take the rest from there."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from lab.engine.base import ServiceStatus, Status
from lab.engine.local import LocalEngine
from lab.engines import ENGINES
from tests.unit.conftest import Outcome

Lab = Callable[..., Outcome]


class OtherEngine(LocalEngine):
    """One that the lab does not have."""

    def status(self) -> Status:
        return Status("other", "healthy", [ServiceStatus("git", "healthy")])


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "other", f"{__name__}:OtherEngine")
    monkeypatch.setenv("LAB_ENGINE", "other")


@pytest.mark.usefixtures("other")
def test_a_row_is_all_that_the_commands_need_of_another_engine(lab: Lab) -> None:
    outcome = lab("status", "--json")
    assert (outcome.status, json.loads(outcome.out)["engine"]) == (0, "other")


def test_an_engine_without_a_row_is_refused_with_those_that_there_are(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_ENGINE", "other")
    outcome = lab("status")
    assert outcome.status == 3
    assert "LAB_ENGINE = 'other': must be 'auto', 'local', 'kind' or 'eks'" in outcome.err
