"""Checks the versions that the bench made: no data may be lost."""

from __future__ import annotations

from lab.bench.figures import Figure, figure
from lab.bench.scratch import Scratch

VERIFY = "verify"
LIMIT = 1800


def verify(scratch: Scratch, where: str = "") -> list[Figure]:
    """`lab verify` on everything made so far.

    Raises:
        ProgramError: a version is not what it says.
    """
    seconds, verdicts = scratch.lab_json("lab verify", "verify", limit=LIMIT)
    return figure(VERIFY, f"lab-verify of {len(verdicts)} versions{where}", "s", [seconds])
