"""A push that a real Gitea acknowledges is on disk: Git's own trace in the server shows what it flushed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.access import GIT_BOT
from lab.docker import docker
from tests.containers.clone import Clone
from tests.containers.stack import Stack
from tests.unit.support import commit

TRACE = "/tmp/trace2"  # noqa: S108 - in the container
"""A folder, so that each process has its own file: what several append to one is mixed."""
HOME = "HOME=/var/lib/gitea/data/home"
"""Where Gitea keeps the global configuration of the Git that it runs (HOME_PATH in its documentation)."""
SETTINGS = {"trace2.eventTarget": TRACE, "trace2.configParams": "core.fsync,core.fsyncMethod"}

FLUSH = {"fsync/hardware-flush", "hardware-flush"}
"""What Git before 2.40, and Git since, calls a call of fsync in its trace."""


@contextlib.contextmanager
def traced(stack: Stack) -> Iterator[list[dict[str, Any]]]:
    """What the server's Git notes within the block (Trace2 in Git's documentation), when the block has ended."""
    place = ("exec", "--env", HOME, stack.container("gitea"))
    events: list[dict[str, Any]] = []
    docker(*place, "sh", "-c", f"rm -rf {TRACE} && mkdir {TRACE}")
    for name, value in SETTINGS.items():
        docker(*place, "git", "config", "--global", name, value)
    try:
        yield events
    finally:
        for name in SETTINGS:
            docker(*place, "git", "config", "--global", "--unset", name)
        events += [json.loads(line) for line in docker(*place, "sh", "-c", f"cat {TRACE}/*").stdout.splitlines()]


def of(events: list[dict[str, Any]], command: str) -> list[dict[str, Any]]:
    """The events of the processes that ran one of Git's commands."""
    sids = {each["sid"] for each in events if each["event"] == "cmd_name" and each["name"] == command}
    return [each for each in events if each["sid"] in sids]


def flushes(events: list[dict[str, Any]]) -> int:
    """How often fsync was called on a file (trace_git_fsync_stats in Git's wrapper.c)."""
    return sum(
        int(each.get("value", each.get("count", 0)))
        for each in events
        if each.get("category") == "fsync" and each.get("key", each.get("name")) in FLUSH
    )


@pytest.mark.parametrize(("files", "unpacker"), [(1, "unpack-objects"), (120, "index-pack")])
def test_a_push_is_on_disk_before_it_is_acknowledged(
    stack: Stack, repository_name: str, tmp_path: Path, files: int, unpacker: str
) -> None:
    made = Clone(stack, repository_name, tmp_path / "clone")
    commit(made.repository, "More", {f"{number}.txt": f"{number}" for number in range(files)})
    with traced(stack) as events:
        made.push(GIT_BOT, "main")
    received = of(events, "receive-pack")
    settings = {each["param"]: each["value"] for each in received if each["event"] == "def_param"}
    assert settings == {"core.fsync": "all", "core.fsyncmethod": "fsync"}
    assert flushes(of(events, unpacker)) >= 1
    assert flushes(received) >= 1
