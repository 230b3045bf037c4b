"""Airflow's chart: from any source it is the pinned one; an error says how to get it if it is not available."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from lab import pins
from lab.chart import cached_chart, find_chart
from lab.config import AirflowSettings, Settings
from lab.errors import CheckFailedError, NetworkError, SettingsError
from tests.loopback import http_server

CONTENT = b"a chart, as far as its checksum goes"


@pytest.fixture
def chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Our own chart is the pinned one; nothing listens at its repository yet."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = f"http://127.0.0.1:{free.getsockname()[1]}"
    pinned = {"version": "1.2.3", "repository": closed, "sha256": hashlib.sha256(CONTENT).hexdigest()}
    monkeypatch.setitem(pins.pins(), "chart", pinned)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return pinned


@pytest.fixture
def repository(chart: dict[str, Any], tmp_path: Path) -> Iterator[Path]:
    """A chart repository on loopback: its folder."""
    folder = tmp_path / "repository"
    folder.mkdir()
    index = "entries:\n  airflow:\n  - {version: 1.2.4, urls: [x.tgz]}\n  - {version: 1.2.3, urls: [charts/a.tgz]}\n"
    (folder / "index.yaml").write_text(index, "utf-8")
    (folder / "charts").mkdir()
    (folder / "charts" / "a.tgz").write_bytes(CONTENT)
    with http_server(partial(SimpleHTTPRequestHandler, directory=folder)) as port:
        chart["repository"] = f"http://127.0.0.1:{port}"
        yield folder


def with_chart(file: Path) -> Settings:
    return Settings(airflow=AirflowSettings(chart=str(file)))


def test_the_file_that_is_named_is_taken(chart: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "mine.tgz").write_bytes(CONTENT)
    assert find_chart(with_chart(tmp_path / "mine.tgz")).read_bytes() == CONTENT


def test_a_named_file_with_another_checksum_is_refused_with_both(chart: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "mine.tgz").write_bytes(b"another")
    with pytest.raises(SettingsError) as caught:
        find_chart(with_chart(tmp_path / "mine.tgz"))
    for part in ("mine.tgz", chart["sha256"], hashlib.sha256(b"another").hexdigest()):
        assert part in caught.value.message


def test_a_named_file_that_is_not_there_is_reported(chart: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nosuch\.tgz: No such file"):
        find_chart(with_chart(tmp_path / "nosuch.tgz"))


def test_the_cache_is_used_without_a_network(chart: dict[str, Any]) -> None:
    cached_chart().parent.mkdir(parents=True)
    cached_chart().write_bytes(CONTENT)
    assert find_chart(Settings()) == cached_chart()


def test_a_changed_file_in_the_cache_is_refused_and_left_unchanged(chart: dict[str, Any]) -> None:
    cached_chart().parent.mkdir(parents=True)
    cached_chart().write_bytes(b"changed")
    with pytest.raises(CheckFailedError, match=chart["sha256"]) as caught:
        find_chart(Settings())
    assert str(cached_chart()) in caught.value.message
    assert "rm " in caught.value.hint
    assert cached_chart().read_bytes() == b"changed"


def test_it_is_downloaded_once_from_where_the_index_says(repository: Path) -> None:
    assert find_chart(Settings()).read_bytes() == CONTENT
    (repository / "charts" / "a.tgz").unlink()
    assert find_chart(Settings()) == cached_chart()


def test_a_download_with_another_checksum_is_not_kept(repository: Path) -> None:
    (repository / "charts" / "a.tgz").write_bytes(b"changed on its way")
    with pytest.raises(CheckFailedError, match=r"a\.tgz: sha256"):
        find_chart(Settings())
    assert list(cached_chart().parent.parent.rglob("*.tgz*")) == []


@pytest.mark.parametrize("index", ["entries: {}", "entries: {airflow: [{version: 9.9.9, urls: [x]}]}", "[", "text"])
def test_a_repository_without_the_version_is_reported(repository: Path, index: str) -> None:
    (repository / "index.yaml").write_text(index, "utf-8")
    with pytest.raises(NetworkError, match=r"names no chart airflow 1\.2\.3"):
        find_chart(Settings())


def test_where_it_cannot_be_fetched_the_hint_says_how_to_get_it(chart: dict[str, Any]) -> None:
    with pytest.raises(NetworkError, match="could not be downloaded") as caught:
        find_chart(Settings())
    for part in ("airflow-1.2.3.tgz", str(cached_chart().parent), "AIRFLOW_CHART"):
        assert part in caught.value.hint
