"""Many runs at once on kind, four active at a time, while two people push."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cluster import KindLab
from tests.many_runs import require_one_version_each


@pytest.mark.parametrize("count", [6, pytest.param(20, marks=pytest.mark.thorough)])
def test_runs_at_once_make_one_version_each(lab: KindLab, tmp_path: Path, count: int) -> None:
    require_one_version_each(lab, tmp_path, count=count, rows=3, limit=1500)
    assert list((lab.folder / ".lab/data/kind/shared/runs").iterdir()) == []
