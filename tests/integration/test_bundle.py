"""A bundle: made here, and a lab brought up from it in another checkout that has no network and no cache."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.checkout import Checkout, check_out

NOWHERE = "http://127.0.0.1:1"
PROXIES = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), NOWHERE)
INDEXES = {"UV_DEFAULT_INDEX": f"{NOWHERE}/simple", "PIP_INDEX_URL": f"{NOWHERE}/simple"}
LOOPBACK = 'ip link set lo up && exec "$@"'
WAYS = (("--net",), ("--net", "--user", "--map-root-user"))
UP_RUN_VERIFY = """
lab() { sh lab/bootstrap.sh "$@"; }
trap 'lab down --purge >&2' EXIT
lab up --bundle "$1" >&2
lab run >&2
lab verify >&2
lab history --json
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("maker")
    file = folder / "lab.tar"
    check_out(folder).lab("bundle", "--engine", "local", str(file), limit=900)
    yield file
    file.unlink()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Checkout:
    """A checkout on a machine that never had a lab, as far as a test can do that."""
    checkout = check_out(tmp_path)
    checkout.variables |= {
        **PROXIES,
        **INDEXES,
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    return checkout


def without_network() -> list[str]:
    """What to put before a command so that only loopback is left; nothing where that is not permitted.

    Even then no proxy and no package index answers.
    """
    for way in WAYS:
        prefix = ["unshare", *way, "sh", "-c", LOOPBACK, "sh"]
        try:
            if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
                return prefix
        except OSError:
            break
    return []


def test_a_lab_comes_up_runs_and_verifies_from_a_bundle_alone(bundle: Path, elsewhere: Checkout) -> None:
    finished = subprocess.run(
        [*without_network(), "sh", "-euc", UP_RUN_VERIFY, "sh", str(bundle)], cwd=elsewhere.folder,
        env=elsewhere.environment(), text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=900, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert [version["number"] for version in json.loads(finished.stdout)] == [1, 2]
    assert not elsewhere.processes()


def test_a_bundle_with_one_byte_changed_is_refused_by_name(bundle: Path, elsewhere: Checkout) -> None:
    position = bundle.stat().st_size // 2
    flip(bundle, position)
    try:
        refused = elsewhere.lab("up", "--bundle", str(bundle), status=1)
    finally:
        flip(bundle, position)
    error, hint = refused.stderr.splitlines()[-2:]
    assert error.startswith("error: the bundle lab.tar is damaged: packages/")
    assert "make lab-bundle" in hint
    assert not list((elsewhere.folder / ".lab").glob("bundle/*"))
    assert not (elsewhere.folder / ".lab" / "environments" / "lab").exists()


def flip(file: Path, position: int) -> None:
    with file.open("r+b") as stream:
        stream.seek(position)
        (byte,) = stream.read(1)
        stream.seek(position)
        stream.write(bytes([byte ^ 1]))
        os.fsync(stream.fileno())
