"""Downloaded programs: held to their checksum, and given up at once where nothing answers."""

from __future__ import annotations

import hashlib
import http.server
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import downloads
from lab.errors import CheckFailedError
from lab.paths import SOURCE, Paths
from lab.pins import pins
from tests.loopback import http_server

CONTENT = b"a program"


@pytest.fixture
def server() -> Iterator[str]:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/kind-1-linux-amd64" else 404)
            self.end_headers()
            self.wfile.write(CONTENT)

        def log_message(self, *_: object) -> None:
            pass

    with http_server(Answer) as port:
        yield f"http://127.0.0.1:{port}/{{}}-{{version}}-{{system}}-{{architecture}}"


def pinned(monkeypatch: pytest.MonkeyPatch, url: str, checksum: str) -> None:
    tools: dict[str, Any] = {
        name: {"version": "1", "url": url.replace("{}", name), "sha256": {"linux-amd64": checksum}}
        for name in ("kind", "kubectl")
    }
    monkeypatch.setattr(downloads, "pins", lambda: {"tools": tools})


def download(tmp_path: Path, *names: str) -> dict[str, Path]:
    return downloads.download(Paths.of(tmp_path), names, "linux", "amd64", lambda _: None)


def test_a_program_with_the_right_checksum_is_kept(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned(monkeypatch, server, hashlib.sha256(CONTENT).hexdigest())
    found = download(tmp_path, "kind", "kubectl", "helm")
    assert list(found) == ["kind"]
    assert found["kind"].read_bytes() == CONTENT
    monkeypatch.setattr(downloads, "fetch", lambda *_: pytest.fail("downloaded again"))
    assert download(tmp_path, "kind") == found


def test_another_program_is_refused_and_nothing_of_it_kept(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned(monkeypatch, server, "0" * 64)
    with pytest.raises(CheckFailedError, match=r"expected 0{64}"):
        download(tmp_path, "kind")
    assert not list((Paths.of(tmp_path).machine_cache / "programs").iterdir())


def test_a_program_comes_out_of_its_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("linux-amd64/helm")
        member.size = len(CONTENT)
        archive.addfile(member, io.BytesIO(CONTENT))
    file = tmp_path / "helm.tar.gz"
    file.write_bytes(packed.getvalue())
    downloads.unpack(file, "linux-amd64/helm")
    assert file.read_bytes() == CONTENT


def test_nothing_is_waited_for_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A name that does not resolve, by RFC 2606.
    pinned(monkeypatch, "http://nowhere.invalid/{}", "0" * 64)
    notes: list[str] = []
    found = downloads.download(Paths.of(tmp_path), ["kind", "kubectl"], "linux", "amd64", notes.append)
    assert (found, notes) == ({}, ["downloading kind 1"])


def test_no_checksum_for_this_machine_is_no_download(tmp_path: Path) -> None:
    assert downloads.download(Paths.of(tmp_path), ["kind"], "plan9", "mips", lambda _: None) == {}


def test_what_is_downloaded_is_the_version_that_is_built() -> None:
    required = (SOURCE / "images/kubernetes/go.mod").read_text("utf-8")
    built = dict(re.findall(r"^\s*(\S+) v(\S+)", required, re.MULTILINE))
    tools = pins()["tools"]
    assert tools["kind"]["version"] == built["sigs.k8s.io/kind"]
    assert tools["helm"]["version"] == built["helm.sh/helm/v4"]
    assert tools["kubectl"]["version"] == built["k8s.io/kubernetes"] == pins()["kubernetes"]["version"]
