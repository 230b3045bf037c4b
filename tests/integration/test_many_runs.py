"""More runs at once than may be active, on the local engine, while two people push."""

from __future__ import annotations

from pathlib import Path

from tests.integration.checkout import Checkout
from tests.many_runs import require_one_version_each


def test_six_runs_at_once_make_six_versions(lab: Checkout, tmp_path: Path) -> None:
    require_one_version_each(lab, tmp_path, count=6, rows=3, limit=600)
    assert list((lab.folder / ".lab/data/shared/runs").iterdir()) == []
