"""AWS's regions from botocore's own data, without the network."""

from __future__ import annotations

import difflib
from functools import cache
from typing import Any


@cache
def session() -> Any:
    import botocore.session

    return botocore.session.Session()


@cache
def with_eks() -> frozenset[str]:
    """Every region that has EKS, of all partitions."""
    partitions = session().get_available_partitions()
    return frozenset(region for each in partitions for region in session().get_available_regions("eks", each))


def suggestion(name: str) -> str:
    close = difflib.get_close_matches(name, sorted(with_eks()), 1)
    return f" (did you mean {close[0]}?)" if close else ""


def partition(region: str) -> str:
    """`aws`, `aws-cn` …: the first part of the ARNs of that region."""
    return str(session().get_partition_for_region(region))
