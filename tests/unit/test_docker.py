"""Where kind finds Docker: where the person's own `docker` finds it, although its HOME is the lab's."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.config import Settings
from lab.engine.kind.instance import KindInstance
from lab.paths import Paths


def kinds_environment(tmp_path: Path) -> dict[str, str]:
    return KindInstance(Paths.of(tmp_path), Settings()).tool_environment()


@pytest.mark.parametrize("name", ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH"])
def test_the_persons_way_to_docker_is_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "/run/user/1000/docker")
    assert kinds_environment(tmp_path)[name] == "/run/user/1000/docker"


def test_contexts_are_those_of_the_persons_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DOCKER_HOST", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    found = kinds_environment(tmp_path)
    assert found["DOCKER_CONFIG"] == str(Path.home() / ".docker")
    assert found["HOME"] == str(Paths.of(tmp_path).user_home)
    assert "DOCKER_HOST" not in found
