"""Twelve runs at once on kind, four active at a time, while two people push (twenty take five minutes more)."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.cluster import KindLab
from tests.many_runs import require_one_version_each


def test_twelve_runs_at_once_make_twelve_versions(lab: KindLab, tmp_path: Path) -> None:
    require_one_version_each(lab, tmp_path, count=12, rows=3, limit=1500)
    assert list((lab.folder / ".lab/data/kind/shared/runs").iterdir()) == []
