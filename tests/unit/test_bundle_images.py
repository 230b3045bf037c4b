"""The images of a bundle, through a `docker` that keeps one file: what it saves is what it loads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.bundle_file.archive import Bundle, read
from lab.bundle_file.opened import IMAGES
from lab.docker import docker_reads, docker_writes
from lab.errors import CheckFailedError, HostError, ProgramError
from lab.images.archive import load, save
from tests.unit.bundles import flip, position_of, write_bundle

DOCKER = """#!/bin/sh
echo "$*" >> "$DOCKER_STORE/calls"
case "$1" in
save) cat "$DOCKER_STORE/images" ;;
load) [ -e "$DOCKER_STORE/full" ] && { echo 'write /x: no space left on device' >&2; exit 1; }
      cat > "$DOCKER_STORE/loaded" ;;
fail) echo 'out of order' >&2; exit 3 ;;
esac
"""
CONTENT = os.urandom(3 << 20) + bytes(5 << 20)
REFERENCES = ["lab/base:1", "lab/node:2"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stand-in for Docker keeps what it has."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(DOCKER, "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_STORE", str(tmp_path))
    (tmp_path / "images").write_bytes(CONTENT)
    return tmp_path


@pytest.fixture
def bundle(store: Path) -> Bundle:
    save(REFERENCES, store / "saved", lambda _: None)
    return read(write_bundle(store, {IMAGES: (store / "saved").read_bytes()}))


def calls(store: Path) -> list[str]:
    return (store / "calls").read_text("utf-8").splitlines()


def test_docker_is_given_what_it_saved(store: Path, bundle: Bundle) -> None:
    notes: list[str] = []
    load(bundle, REFERENCES, notes.append)
    assert (store / "loaded").read_bytes() == CONTENT
    assert calls(store) == ["save lab/base:1 lab/node:2", "load --quiet"]
    assert bundle.members[0].size < len(CONTENT)
    assert notes[-1] == "unpacking the images: 100 %"


def test_images_damaged_since_it_was_opened_are_refused_before_docker_has_a_byte(store: Path, bundle: Bundle) -> None:
    flip(bundle.file, position_of(bundle.file, (store / "saved").read_bytes()[-64:]))
    with pytest.raises(CheckFailedError, match=rf"lab\.tar is damaged: {IMAGES}"):
        load(bundle, REFERENCES, lambda _: None)
    assert calls(store) == ["save lab/base:1 lab/node:2"]


def test_a_full_disk_is_reported_as_such(store: Path, bundle: Bundle) -> None:
    (store / "full").touch()
    with pytest.raises(HostError, match="the disk is full while the images of the bundle are loaded"):
        load(bundle, REFERENCES, lambda _: None)


def test_a_bundle_that_has_gone_is_named(store: Path, bundle: Bundle) -> None:
    bundle.file.unlink()
    with pytest.raises(HostError, match=r"the bundle .* cannot be read"):
        load(bundle, REFERENCES, lambda _: None)


def test_a_failing_docker_says_why(store: Path) -> None:
    for failing in (lambda: list(docker_writes("fail")), lambda: docker_reads("fail", chunks=[CONTENT])):
        with pytest.raises(ProgramError, match="docker fail ended with exit status 3") as failed:
            failing()
        assert failed.value.detail == "out of order"
