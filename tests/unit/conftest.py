"""Every test starts from the same environment for every user; and a separate checkout for the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from lab import paths as lab_paths
from lab.access import LoopbackAccess
from lab.cli import main
from lab.config import Settings
from lab.engine.ports import first_free
from lab.paths import Paths
from lab.secrets import Secrets

FOREIGN = ("LAB_", "PIPELINE_", "GITSYNC_", "GIT_", "AWS_", "AIRFLOW", "DVC_", "UV_", "PIP_", "XDG_", "PYENV_")


class Outcome(NamedTuple):
    """The result of a command."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def isolation(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person's, no colour, a separate home, and a Git that knows an author and no configuration."""
    for name in os.environ:
        if name.startswith(FOREIGN) or name == "VIRTUAL_ENV":
            monkeypatch.delenv(name)
    fixed = {
        "HOME": str(tmp_path_factory.mktemp("home")),
        "NO_COLOR": "1",
        "COLUMNS": "120",
        "LANG": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.invalid",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.invalid",
    }
    for name, value in fixed.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """The paths of an empty checkout, which the command line uses as its own."""
    source = tmp_path / "checkout"
    source.mkdir()
    monkeypatch.setattr(lab_paths, "SOURCE", source)
    return Paths.of()


@pytest.fixture
def lab(checkout: Paths, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Run `lab <arguments>` on the empty checkout, by the one entry that a person's command has."""

    def run(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["lab", *arguments])
        capfd.readouterr()
        status = 0
        try:
            main()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        captured = capfd.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> LoopbackAccess:
    """A lab with secrets and a free port for its Git server, in which nothing runs yet."""
    paths = Paths.of(tmp_path_factory.mktemp("lab"))
    Secrets(paths.secrets).ensure()
    for folder in (paths.temporary, paths.user_home):
        folder.mkdir(parents=True)
    git = f"http://127.0.0.1:{first_free([], {})}"
    return LoopbackAccess(paths, Settings(), {"airflow": "http://127.0.0.1:1", "s3": "http://127.0.0.1:2", "git": git})
