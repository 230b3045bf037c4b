"""Waiting: until the condition holds, not beyond the limit, with the last state in the error."""

from __future__ import annotations

import pytest

from lab.errors import ServiceError
from lab.wait import NotYetError, wait_until


class Probe:
    """Says "not yet" with these states, then gives 7."""

    def __init__(self, *states: str) -> None:
        self.states = list(states)
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.states:
            raise NotYetError(self.states.pop(0))
        return 7


def never() -> None:
    raise NotYetError("port closed")


def test_what_the_probe_returns_is_returned_at_once() -> None:
    probe = Probe()
    assert wait_until(probe, what="it", limit=0) == 7
    assert probe.calls == 1


def test_the_probe_is_asked_again_until_it_returns() -> None:
    probe = Probe("no", "not yet", "nearly")
    assert wait_until(probe, what="it", limit=20, pause=0) == 7
    assert probe.calls == 4


def test_at_the_limit_the_error_says_what_how_long_the_last_state_the_way_out_and_the_evidence() -> None:
    with pytest.raises(ServiceError) as caught:
        wait_until(never, what="the Git server", limit=0, pause=0, hint="look here", detail=lambda: "its last line")
    assert caught.value.message == "the Git server was not ready within 0 s: port closed"
    assert (caught.value.hint, caught.value.detail) == ("look here", "its last line")


def test_the_reported_state_is_the_last_one() -> None:
    states = iter(range(10**9))

    def probe() -> None:
        raise NotYetError(f"state {next(states)}")

    with pytest.raises(ServiceError) as caught:
        wait_until(probe, what="it", limit=0.05, pause=0.001)
    assert caught.value.message.endswith(f"state {next(states) - 1}")


def test_a_probe_without_words_gave_no_answer() -> None:
    with pytest.raises(ServiceError, match="no answer"):
        wait_until(Probe("", ""), what="it", limit=0, pause=0)


def test_any_other_exception_ends_the_wait_at_once() -> None:
    calls = []

    def probe() -> None:
        calls.append(1)
        raise ServiceError("it has died")

    with pytest.raises(ServiceError, match=r"^it has died$"):
        wait_until(probe, what="it", limit=20, pause=0)
    assert len(calls) == 1


def test_evidence_is_gathered_only_when_it_is_needed() -> None:
    def detail() -> str:
        raise AssertionError("not asked for")

    assert wait_until(Probe("not yet"), what="it", limit=20, pause=0, detail=detail) == 7
