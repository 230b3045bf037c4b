"""The programs that `lab shell` offers on the local engine start wherever the checkout stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.engine import programs
from lab.paths import Paths
from lab.proc import run


@pytest.mark.parametrize("name", ["plain", "it's $HOME", '"quoted" `name`', "a\\b"])
def test_lab_starts_from_a_checkout_with_any_name(tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    bootstrap = source / "lab" / "bootstrap.sh"
    bootstrap.parent.mkdir(parents=True)
    bootstrap.write_text('#!/bin/sh\nprintf "%s|" "$@"\n', "utf-8")
    bootstrap.chmod(0o755)
    paths = Paths(source, source / ".lab")
    paths.bin.mkdir(parents=True)
    programs.link(paths, {}, {})
    assert run([paths.bin / "lab", "run", "--rows 1"], limit=30).stdout == "run|--rows 1|"
