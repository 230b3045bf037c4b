"""The stand-in for git-sync: which host gets the token, and what a repository's content cannot do."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.pipeline.git import Repository
from tests.unit.git_sync import once, synced, variables
from tests.unit.support import commit, new_repository


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    repository = new_repository(tmp_path / "origin")
    commit(repository, "One", {"dags/a.py": "one"})
    return repository


class GitHost(http.server.ThreadingHTTPServer):
    """Notes the Authorization of each request; redirects to `elsewhere`, or asks for a user and password."""

    daemon_threads = True

    def __init__(self, elsewhere: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Asking)
        self.elsewhere = elsewhere
        self.given: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Asking(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, GitHost)
        self.server.given.append(self.headers.get("Authorization", ""))
        if self.server.elsewhere:
            self.send_response(302)
            self.send_header("Location", f"{self.server.elsewhere}{self.path}")
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hosts() -> Iterator[tuple[GitHost, GitHost]]:
    """The repository's host, which redirects to another one, and that other one."""
    other = GitHost()
    with other, GitHost(other.url) as own:
        for server in (own, other):
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield own, other
        for server in (own, other):
            server.shutdown()


CREDENTIALS = {"GITSYNC_USERNAME": "lab", "GITSYNC_PASSWORD": "token"}
BASIC = "Basic bGFiOnRva2Vu"


def test_only_the_repositorys_host_is_given_the_token(
    origin: Repository, tmp_path: Path, hosts: tuple[GitHost, GitHost]
) -> None:
    own, other = hosts
    assert once(variables(origin, tmp_path, **CREDENTIALS, GITSYNC_REPO=f"{own.url}/a.git")).returncode == 1
    assert other.given
    assert set(other.given) == {""}


def test_the_token_goes_where_git_is_sent_in_place_of_the_repositorys_host(
    origin: Repository, tmp_path: Path, hosts: tuple[GitHost, GitHost]
) -> None:
    _, other = hosts
    instead = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{other.url}/.insteadOf",
               "GIT_CONFIG_VALUE_0": "http://people.invalid/"}  # fmt: skip
    once(variables(origin, tmp_path, **CREDENTIALS, **instead, GITSYNC_REPO="http://people.invalid/a.git"))
    assert other.given[-1] == BASIC


def test_a_submodule_is_neither_fetched_nor_given_the_token(
    origin: Repository, tmp_path: Path, hosts: tuple[GitHost, GitHost]
) -> None:
    _, other = hosts
    commit(origin, "Module", {".gitmodules": f'[submodule "m"]\n\tpath = m\n\turl = {other.url}/m.git\n'})
    origin.run("update-index", "--add", "--cacheinfo", f"160000,{origin.out('rev-parse', 'HEAD')},m")
    origin.run("commit", "--quiet", "--message", "Link")
    ended = once(variables(origin, tmp_path, **CREDENTIALS))
    assert ended.returncode == 0
    assert "submodules" in ended.stderr
    assert other.given == []


def test_no_hook_runs_and_a_symbolic_link_is_a_file(origin: Repository, tmp_path: Path) -> None:
    (origin.folder / "outside").symlink_to(tmp_path)
    origin.run("add", "--all")
    origin.run("commit", "--quiet", "--message", "Link")
    assert once(variables(origin, tmp_path)).returncode == 0
    link = tmp_path / "git/repo/outside"
    assert not link.is_symlink()
    assert link.read_text("utf-8") == str(tmp_path)
    hook = tmp_path / "git/.git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\n", "utf-8")
    hook.chmod(0o755)
    commit(origin, "Two", {"dags/a.py": "two"})
    assert once(variables(origin, tmp_path)).returncode == 0
    assert synced(tmp_path) == "two"
    assert not (tmp_path / "ran").exists()
