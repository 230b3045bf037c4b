"""What Docker says of a full disk, a registry or a network, as the lab's errors."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.cli import context
from lab.errors import HostError, NetworkError, ProgramError
from lab.images import registry
from lab.images.catalogue import IMAGES
from lab.images.dockerfile import build_dockerfile
from lab.images.trouble import raise_if_full
from lab.paths import Paths
from tests.unit.conftest import Outcome
from tests.unit.support import fake_program

REFERENCE = "127.0.0.1:40429/library/debian:bookworm-slim"
DAEMON = "Error response from daemon: "
HEAD = f'{DAEMON}Head "http://127.0.0.1:40429/v2/library/debian/manifests/bookworm-slim": '
PULLS = [
    (f"{HEAD}unauthorized: authentication required", "refuses"),
    (f"{HEAD}no basic auth credentials", "refuses"),
    (f"{DAEMON}pull access denied for x, repository does not exist or may require 'docker login'", "refuses"),
    (f"{HEAD}denied: requested access to the resource is denied", "refuses"),
    (f"{DAEMON}toomanyrequests: You have reached your pull rate limit.", "allows no more pulls now (429)"),
    (f"{DAEMON}error parsing HTTP 429 response body: invalid character '<'", "allows no more pulls now (429)"),
    (f"{DAEMON}manifest for debian:x not found: manifest unknown: no", "does not have"),
    (f"{DAEMON}received unexpected HTTP status: 503 Service Unavailable", "answers with a server error (503)"),
    (f'{DAEMON}Get "http://127.0.0.1:40429/v2/": dial tcp 127.0.0.1:40429: connect: connection refused', "not answer"),
    (f'{DAEMON}Get "https://x/v2/": dial tcp: lookup x on 10.4.29.53:53: no such host', "does not answer"),
    (f'{DAEMON}Get "https://x/v2/": net/http: request canceled (Client.Timeout exceeded)', "does not answer"),
    (f'{DAEMON}Get "https://x/v2/": x509: certificate signed by unknown authority', "does not answer"),
]


@pytest.mark.parametrize(("said", "expected"), PULLS)
def test_a_failed_pull_names_the_registry_and_the_way_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, expected: str
) -> None:
    fake_program(tmp_path, monkeypatch, "docker", f"cat >&2 <<'SAID'\n{said}\nSAID\nexit 1")
    with pytest.raises(NetworkError, match=r"^127\.0\.0\.1:40429 ") as caught:
        registry.pull(Paths.of(tmp_path), REFERENCE, "amd64")
    assert expected in caught.value.message
    assert "IMAGES=build" in caught.value.hint
    assert "IMAGES=bundle" in caught.value.hint
    assert caught.value.detail == said


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("failed to copy files: write /x: no space left on device", HostError),
        ("E: You don't have enough free space in /var/cache/apt/archives/.", HostError),
        ("Temporary failure resolving 'deb.debian.org'", NetworkError),
        ("The command '/bin/sh -c false' returned a non-zero code: 1", ProgramError),
    ],
)
def test_a_failed_build_is_reported_with_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, error: type[Exception]
) -> None:
    fake_program(tmp_path, monkeypatch, "docker", f'[ "$1" = info ] && exec echo /; echo "{said}" >&2; exit 1')
    with pytest.raises(error) as caught:
        build_dockerfile(IMAGES["worker"], tmp_path, "lab/base:1", "lab/worker:1")
    assert "worker" in str(caught.value)


def test_a_full_disk_is_reported_with_what_is_free_here_and_at_dockers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_program(tmp_path, monkeypatch, "docker", "echo /usr")
    with pytest.raises(HostError, match="the disk is full while x is built") as caught:
        raise_if_full("no space left on device", "x is built", tmp_path / "not" / "there")
    assert f"MiB free in {tmp_path} and " in caught.value.message
    assert "MiB free in /usr;" in caught.value.message


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "from", None, "there"),
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "there"),
        shutil.Error([("from", "there", f"[Errno 28] {os.strerror(errno.ENOSPC)}: 'there'")]),
    ],
)
def test_a_full_disk_met_by_the_lab_itself_is_no_traceback(
    lab: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def full() -> None:
        raise error

    monkeypatch.setattr(context, "access", full)
    outcome = lab("history")
    assert outcome.status == 4
    first, last = outcome.err.splitlines()
    assert first.startswith("error: the disk is full")
    assert ("there" in first) is (error.errno is not None)
    assert last.startswith("hint: free some space")


def test_any_other_error_of_the_system_is_not_hidden(
    lab: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(context, "access", broken)
    with pytest.raises(OSError, match="Input/output"):
        lab("history")
