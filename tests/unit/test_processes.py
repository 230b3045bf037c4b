"""The lab finds and ends its own processes, known by LAB_HOME, and no others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.engine.local import processes
from tests.unit.support import PATIENT, STUBBORN, alive, orphan, program
from tests.waiting import eventually


def of_lab(home: Path) -> dict[str, str]:
    return {**os.environ, "LAB_HOME": str(home)}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / ".lab"


def test_only_processes_of_this_lab_are_found(home: Path) -> None:
    with (
        orphan(PATIENT, of_lab(home)) as mine,
        orphan(PATIENT, of_lab(home / "other")),
        orphan(PATIENT, dict(os.environ)),
    ):
        assert list(processes.own_processes(home)) == [mine]


def test_only_processes_of_this_lab_are_ended(home: Path) -> None:
    with orphan(PATIENT, of_lab(home)) as mine, orphan(PATIENT, of_lab(home / "other")) as other:
        assert processes.end_all(home) == 1
        assert not alive(mine)
        assert alive(other)


def test_one_that_does_not_end_at_sigterm_is_killed(home: Path) -> None:
    with orphan(STUBBORN, of_lab(home)) as mine:
        assert processes.end_all(home, patience=0.2) == 1
        eventually(lambda: not alive(mine), "its end")


def test_what_the_command_at_work_has_started_itself_is_left_unchanged(home: Path) -> None:
    """An environment may be on its way beside the phase that ends what an earlier lab left."""
    with program(PATIENT, of_lab(home)) as install:
        assert processes.end_all(home) == 0
        assert install.poll() is None


def test_the_command_at_work_and_its_parents_are_never_ended(home: Path) -> None:
    """`lab down` inside lab-shell carries the lab's own LAB_HOME."""
    code = (
        "import os, pathlib; from lab.engine.local import processes; "
        "home = pathlib.Path(os.environ['LAB_HOME']); print('up', flush=True); "
        "raise SystemExit(40 + processes.end_all(home))"
    )
    with program(code, of_lab(home)) as command:
        assert command.wait(20) == 40


def test_where_nothing_runs_nothing_is_ended(home: Path) -> None:
    assert processes.end_all(home) == 0


def test_memory_is_that_of_the_labs_processes_together(home: Path) -> None:
    with orphan(PATIENT, of_lab(home)), orphan(PATIENT, of_lab(home)):
        used = processes.memory(home)
    assert used.processes == 2
    assert used.total > 2 << 20
    assert used.kind in {"PSS", "RSS"}
