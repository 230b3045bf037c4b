"""Waits for a condition, with a limit that starts at the call, and the last state in the error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import tenacity

from lab.errors import ServiceError

Found = TypeVar("Found")


class NotYetError(Exception):
    """Raised by a probe: not there yet; its text is the last state, shown if the limit is reached."""


def wait_until(
    probe: Callable[[], Found],
    *,
    what: str,
    limit: float,
    pause: float = 0.2,
    hint: str = "",
    detail: Callable[[], str] = lambda: "",
) -> Found:
    """Call `probe` until it returns, every `pause` seconds, for at most `limit` seconds.

    A probe says "not yet" by raising NotYetError; any other exception ends the wait at once.

    Raises:
        ServiceError: the limit was reached; the message holds the last state, `detail()` the evidence.
    """
    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(NotYetError),
        stop=tenacity.stop_after_delay(limit),
        wait=tenacity.wait_fixed(pause),
        reraise=True,
    )
    try:
        return attempts(probe)
    except NotYetError as error:
        state = str(error) or "no answer"
        raise ServiceError(f"{what} was not ready within {limit:.0f} s: {state}", hint, detail()) from error
