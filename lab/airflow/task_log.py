"""The log of a task as Airflow's API returns it."""

from __future__ import annotations

import re
from typing import Any

FRAMING = "::"
"""How the lines begin that open and close a group (`::group::`, `::endgroup::`)."""
CODE_GONE = re.compile(r"Version ([0-9a-f]{12})[0-9a-f]* not found in the repository")
"""The error of Airflow's GitDagBundle in a pod with a new clone; a node that has the commit still runs the step."""


def said(content: list[dict[str, Any] | str]) -> list[str]:
    """The lines of a log (`content` of TaskInstancesLogResponse) without Airflow's framing.

    Each is followed by the exceptions that were raised there.
    """
    lines = [line for entry in content for line in entry_lines(entry)]
    return [line for line in lines if not line.startswith(FRAMING)]


def entry_lines(entry: dict[str, Any] | str) -> list[str]:
    """The event of an entry of a log, and the exceptions that Airflow's `error_detail` gives with it."""
    if isinstance(entry, str):
        return [entry]
    raised = [f"{each['exc_type']}: {each['exc_value']}" for each in entry.get("error_detail") or []]
    return [entry["event"], *raised]
