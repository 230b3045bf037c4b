"""The local engine's Git server, started as the lab starts it, reached by a real Git."""

from __future__ import annotations

import base64
import dataclasses
import http.client
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from lab.access import LoopbackAccess
from lab.components import repository
from lab.engine.local import services
from lab.engine.ports import first_free
from lab.pipeline.git import GitError, Repository
from lab.services.git import GIT
from lab.services.probes import answers
from lab.wait import NotYetError
from tests.waiting import eventually

REFUSED = "Authentication failed"


@pytest.fixture(scope="module")
def server(access: LoopbackAccess) -> Iterator[psutil.Process]:
    """The server's process; it answers."""
    port = urlsplit(access.url("git")).port
    assert port is not None
    described = services.program(GIT, access)
    with subprocess.Popen(described.command, env=described.environment, cwd=described.folder) as process:
        try:
            eventually(lambda: answers_now(access), "the Git server")
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def answers_now(access: LoopbackAccess) -> bool:
    try:
        answers(f"{access.url('git')}/healthz")
    except NotYetError:
        return False
    return True


@pytest.fixture
def seeded(access: LoopbackAccess, server: psutil.Process, tmp_path: Path) -> Repository:
    """A clone with one commit, which is all that the server has."""
    shutil.rmtree(access.paths.repositories, ignore_errors=True)
    repository.ensure_bare(access)
    clone = repository.clone(access, tmp_path / "seed")
    clone.run("symbolic-ref", "HEAD", "refs/heads/main")
    push(clone, "README", b"hello\n")
    return clone


def commit(clone: Repository, name: str, content: bytes) -> None:
    (clone.folder / name).write_bytes(content)
    clone.run("add", "--all")
    clone.run("commit", "--quiet", "--message", f"Add {name}")


def push(clone: Repository, name: str, content: bytes) -> None:
    commit(clone, name, content)
    clone.run("push", "--quiet", "origin", "HEAD:refs/heads/main")


def request(
    access: LoopbackAccess, method: str, path: str, body: bytes = b"", password: str | None = None
) -> tuple[int, str]:
    """Status and WWW-Authenticate of one bare HTTP request."""
    parts = urlsplit(access.url("git"))
    assert parts.hostname is not None
    credentials = f"lab:{access.secrets['git-password'] if password is None else password}"
    header = {"Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        connection.request(method, path, body, header if password != "" else {})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get("WWW-Authenticate", "")
    finally:
        connection.close()


def test_what_is_pushed_is_what_the_next_clone_has(access: LoopbackAccess, seeded: Repository, tmp_path: Path) -> None:
    clone = repository.clone(access, tmp_path / "second")
    assert (clone.folder / "README").read_bytes() == b"hello\n"
    assert clone.out("rev-parse", "HEAD") == seeded.out("rev-parse", "HEAD") == repository.head(access)


def test_a_large_push_arrives_whole(access: LoopbackAccess, seeded: Repository, tmp_path: Path) -> None:
    """20 MB that do not compress: Git sends them in chunks of unknown number."""
    content = os.urandom(20_000_000)
    seeded.run("config", "core.compression", "0")  # nothing to gain, and seconds to lose
    push(seeded, "large.bin", content)
    assert (repository.clone(access, tmp_path / "second").folder / "large.bin").read_bytes() == content


@pytest.mark.parametrize("password", ["wrong", "", "ä"])
def test_without_the_password_nothing_is_read_or_written(
    access: LoopbackAccess, seeded: Repository, tmp_path: Path, password: str
) -> None:
    intruder = {**access.tool_environment(), "GITSYNC_PASSWORD": password}
    with pytest.raises(GitError, match=REFUSED):
        Repository(tmp_path, intruder).run("clone", access.repository_url, "stolen")
    commit(seeded, "evil", b"")
    before = repository.head(access)
    with pytest.raises(GitError, match=REFUSED):
        Repository(seeded.folder, intruder).run("push", "origin", "HEAD:refs/heads/main")
    assert repository.head(access) == before


@pytest.mark.parametrize("password", ["wrong", "", "x" * 5000])
def test_a_wrong_password_is_answered_with_401_and_the_way_to_sign_in(
    access: LoopbackAccess, server: psutil.Process, password: str
) -> None:
    status, challenge = request(access, "GET", "/lab/mlops.git/info/refs?service=git-upload-pack", password=password)
    assert (status, challenge) == (401, 'Basic realm="lab"')


def test_the_password_stands_in_no_file_of_a_clone(access: LoopbackAccess, seeded: Repository) -> None:
    secret = access.secrets["git-password"].encode()
    files = [file for file in seeded.folder.rglob("*") if file.is_file()]
    assert files
    assert not any(secret in file.read_bytes() for file in files)


def test_health_needs_no_password(access: LoopbackAccess, server: psutil.Process) -> None:
    assert request(access, "GET", "/healthz", password="")[0] == 200


def test_of_concurrent_pushes_on_the_same_base_exactly_one_wins_and_the_other_can_follow(
    access: LoopbackAccess, seeded: Repository, tmp_path: Path
) -> None:
    clones = [repository.clone(access, tmp_path / f"clone{number}") for number in range(3)]
    for number, clone in enumerate(clones):
        commit(clone, f"file{number}", b"")
    with ThreadPoolExecutor() as pool:
        pushed = list(pool.map(lambda clone: clone.run("push", "origin", "HEAD:main", check=False).returncode, clones))
    assert pushed.count(0) == 1
    for clone, status in zip(clones, pushed, strict=True):
        if status != 0:
            clone.run("pull", "--quiet", "--rebase", "origin", "main")
            clone.run("push", "--quiet", "origin", "HEAD:main")
    files = repository.clone(access, tmp_path / "last").out("ls-files").split()
    assert files == ["README", *(f"file{number}" for number in range(3))]


def test_git_speaks_protocol_version_2_with_it(access: LoopbackAccess, seeded: Repository) -> None:
    environment = {**seeded.environment, "GIT_TRACE_PACKET": "1"}
    asked = Repository(seeded.folder, environment).run("-c", "protocol.version=2", "ls-remote", "origin")
    assert "< version 2" in asked.stderr


def test_a_repository_that_is_not_there_is_404_however_much_is_sent(access: LoopbackAccess, seeded: Repository) -> None:
    for path in ("/nope.git/info/refs?service=git-upload-pack", "/lab/mlops.git/nope"):
        assert request(access, "GET", path)[0] == 404
    assert request(access, "POST", "/nope.git/git-receive-pack", b"x" * 5_000_000)[0] == 404
    assert answers_now(access)


def test_no_file_outside_the_repositories_is_served(access: LoopbackAccess, seeded: Repository) -> None:
    for path in (
        "/../../secrets/git-password",
        "/lab/mlops.git/../../../../secrets/git-password",
        "/lab/mlops.git/config",
    ):
        assert request(access, "GET", path)[0] >= 400


def test_hooks_do_not_see_the_password(access: LoopbackAccess, seeded: Repository, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    hook = access.paths.repositories / "lab/mlops.git/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nenv > '{seen}'\n", "utf-8")
    hook.chmod(0o755)
    push(seeded, "more", b"")
    assert "REMOTE_USER=lab" in seen.read_text("utf-8")
    assert access.secrets["git-password"] not in seen.read_text("utf-8")


def test_a_client_that_hangs_up_leaves_no_process_behind(
    access: LoopbackAccess, server: psutil.Process, seeded: Repository
) -> None:
    parts = urlsplit(access.url("git"))
    token = base64.b64encode(f"lab:{access.secrets['git-password']}".encode()).decode()
    head = f"Host: x\r\nAuthorization: Basic {token}\r\n"
    for _ in range(5):
        with socket.create_connection((parts.hostname, parts.port)) as client:
            client.sendall(f"GET /lab/mlops.git/info/refs?service=git-upload-pack HTTP/1.1\r\n{head}\r\n".encode())
    assert repository.head(access) is not None
    eventually(lambda: not server.children(), "the end of every backend")


def announced(access: LoopbackAccess, *lines: str, password: str = "") -> bytes:
    """What is answered to a push of which only the headers have been sent."""
    parts = urlsplit(access.url("git"))
    token = base64.b64encode(f"lab:{password}".encode()).decode()
    given = ("Host: x", *((f"Authorization: Basic {token}",) if password else ()), *lines)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as client:
        head = "\r\n".join(("POST /lab/mlops.git/git-receive-pack HTTP/1.1", *given))
        client.sendall(f"{head}\r\n\r\n".encode())
        return client.recv(4096)


@pytest.mark.parametrize("password", ["", "wrong"])
@pytest.mark.parametrize(
    "length",
    [("Content-Length: 1000000000",), ("Transfer-Encoding: chunked",), ("Content-Length: 9", "Expect: 100-continue")],
)
def test_no_body_is_read_without_the_password(
    access: LoopbackAccess, server: psutil.Process, password: str, length: tuple[str, ...]
) -> None:
    answer = announced(access, *length, password=password)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b'www-authenticate: basic realm="lab"' in answer.lower()


def test_a_body_beyond_the_limit_is_refused_by_its_announcement(access: LoopbackAccess, server: psutil.Process) -> None:
    length = f"Content-Length: {(2 << 30) + 1}"
    assert announced(access, length, password=access.secrets["git-password"]).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("dying", ["exit 1", "echo Content-Type: text/plain; exit 1", "kill -9 $$"])
def test_a_backend_that_dies_before_its_headers_is_a_bad_gateway(
    access: LoopbackAccess, tmp_path: Path, dying: str
) -> None:
    fake = tmp_path / "git"
    fake.write_text(f"#!/bin/sh\n{dying}\n", "utf-8")
    fake.chmod(0o755)
    elsewhere = dataclasses.replace(access, urls={"git": f"http://127.0.0.1:{first_free([], {})}"})
    described = services.program(GIT, elsewhere)
    environment = {**described.environment, "PATH": f"{tmp_path}:{described.environment['PATH']}"}
    with subprocess.Popen(described.command, env=environment, cwd=described.folder) as process:
        try:
            eventually(lambda: answers_now(elsewhere), "the Git server")
            assert request(elsewhere, "GET", "/lab/mlops.git/info/refs?service=git-upload-pack")[0] == 502
        finally:
            process.terminate()
