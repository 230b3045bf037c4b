"""The stand-in for git-sync, run once on a folder of a test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lab.paths import SOURCE
from lab.pipeline.git import Repository

PROGRAM = SOURCE / "images/gitsync/files/usr/local/bin/git-sync"


def variables(origin: Repository, tmp_path: Path, **more: str) -> dict[str, str]:
    """What the chart sets, for a folder of this test."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GIT_SYNC_BRANCH": "v2-2-stable",
        "GITSYNC_REF": "main",
        "GIT_SYNC_REV": "HEAD",
        "GITSYNC_REPO": origin.folder.as_uri(),
        "GITSYNC_ROOT": str(tmp_path / "git"),
        "GITSYNC_LINK": "repo",
        "GITSYNC_DEPTH": "1",
        "GITSYNC_PERIOD": "100ms",
        "GITSYNC_MAX_FAILURES": "0",
        **more,
    }


def once(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM)]
    environment = {"GITSYNC_ONE_TIME": "true", **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def synced(tmp_path: Path) -> str:
    file = tmp_path / "git/repo/dags/a.py"
    return file.read_text("utf-8") if file.exists() else ""
