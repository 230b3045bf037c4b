"""`lab up` runs its phases in the order of their needs, passes over what is done, and stops at the first failure."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from lab.engine.phases import Note, Phase, Timings, run_phases
from lab.errors import LabError, ServiceError
from lab.ui import LiveList

LIMIT = 20


class Record:
    """Phases that write down that they were applied."""

    def __init__(self) -> None:
        self.applied: list[str] = []
        self.notes: list[str] = []

    def phase(self, name: str, *needs: str, done: bool = False, apply: Callable[[], None] = lambda: None) -> Phase:
        def applied(note: Note) -> None:
            note(f"at {name}")
            apply()
            self.applied.append(name)

        return Phase(name, f"Phase {name}", LIMIT, lambda: done, applied, needs)


@pytest.fixture
def record() -> Record:
    return Record()


def run(*phases: Phase) -> Timings:
    return run_phases(list(phases), LiveList())


def fail(message: str) -> Callable[[], None]:
    def apply() -> None:
        raise ServiceError(message)

    return apply


def test_a_phase_runs_after_all_that_it_needs_whatever_the_order_of_the_list(record: Record) -> None:
    run(record.phase("c", "a", "b"), record.phase("b", "a"), record.phase("a"))
    assert record.applied == ["a", "b", "c"]


def test_a_phase_with_nothing_to_do_is_passed_over_and_those_that_need_it_run(record: Record) -> None:
    timings = run(record.phase("a", done=True), record.phase("b", "a"))
    assert record.applied == ["b"]
    assert (timings.passed, list(timings.seconds)) == (["a"], ["b"])


def test_a_second_run_with_everything_done_changes_nothing(record: Record) -> None:
    timings = run(record.phase("a", done=True), record.phase("b", "a", done=True))
    assert (record.applied, timings.seconds) == ([], {})


def test_after_a_failure_nothing_that_needed_the_phase_is_started(record: Record) -> None:
    with pytest.raises(ServiceError, match=r"^no disk$"):
        run(record.phase("a", apply=fail("no disk")), record.phase("b", "a"), record.phase("c", "b"))
    assert record.applied == []


def test_a_failure_starts_nothing_new_even_where_nothing_is_missing_for_it(record: Record) -> None:
    failed = threading.Event()

    def fail_then_release() -> None:
        failed.set()
        raise ServiceError("first")

    slow = record.phase("slow", apply=lambda: assert_set(failed))
    with pytest.raises(ServiceError, match=r"^first$"):
        run(record.phase("bad", apply=fail_then_release), slow, record.phase("after", "bad", "slow"))
    assert "after" not in record.applied


def test_what_is_under_way_at_a_failure_is_waited_for_and_fails_without_hiding_it(record: Record) -> None:
    first_failed = threading.Event()

    def fail_second() -> None:
        assert_set(first_failed)
        record.applied.append("second got here")
        raise ServiceError("second")

    class Shown(LiveList):
        def end(self, key: str, mark: str, note: str = "") -> float:
            took = super().end(key, mark, note)
            if key == "a":
                first_failed.set()
            return took

    phases = [record.phase("b", apply=fail_second), record.phase("a", apply=fail("first"))]
    with pytest.raises(ServiceError) as caught:
        run_phases(phases, Shown())
    assert record.applied == ["second got here"]
    assert caught.value.message in {"first", "second"}


def test_phases_that_need_nothing_of_each_other_run_at_the_same_time(record: Record) -> None:
    meeting = threading.Barrier(3)
    run(*(record.phase(name, apply=lambda: meet(meeting)) for name in "abc"))
    assert sorted(record.applied) == ["a", "b", "c"]


def test_an_unexpected_exception_comes_out_as_it_is(record: Record) -> None:
    def break_down() -> None:
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(record.phase("a", apply=break_down))


def test_a_check_that_fails_is_a_failure_of_its_phase(record: Record) -> None:
    def check() -> bool:
        raise LabError("cannot look")

    with pytest.raises(LabError, match="cannot look"):
        run(Phase("a", "A", LIMIT, check, lambda _: None), record.phase("b", "a"))
    assert record.applied == []


@pytest.mark.parametrize("needs", ["missing", "itself"])
def test_a_phase_that_can_never_run_is_an_error_and_not_left_out(record: Record, needs: str) -> None:
    with pytest.raises(ValueError, match="itself"):
        run(record.phase("a"), record.phase("itself", needs))


def test_each_phase_is_reported_with_its_limit_when_it_starts_its_notes_and_its_end(
    record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ServiceError):
        run(record.phase("good"), record.phase("bad", "good", apply=fail("no")))
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["• Phase good (≤ 20 s) …", "    Phase good: at good"]
    assert lines[2].startswith("✓ Phase good")
    assert lines[-1].startswith("✗ Phase bad")


def assert_set(event: threading.Event) -> None:
    assert event.wait(LIMIT)


def meet(barrier: threading.Barrier) -> None:
    barrier.wait(LIMIT)
