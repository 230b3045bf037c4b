"""Rounds of the fault drill, and what a drill leaves in the lab."""

from __future__ import annotations

import itertools

from lab.drill import plan
from tests.integration.checkout import Checkout


def bucket(lab: Checkout) -> str:
    return lab.shell("aws s3 ls --recursive s3://mlops-lab/ | awk '{print $4}'")


def branches(lab: Checkout) -> list[str]:
    listed = lab.shell('git ls-remote --heads "$PIPELINE_REPOSITORY" "drill-*"')
    return [line.split("refs/heads/")[1] for line in listed.splitlines()]


def begins_with(fault: str) -> str:
    """A seed that gives the first round this fault, early in its task."""
    return next(
        str(seed)
        for seed in itertools.count()
        if (first := plan.make(seed, 1)[0]).fault == fault and first.moment < 0.2 and first.seconds > 4
    )
