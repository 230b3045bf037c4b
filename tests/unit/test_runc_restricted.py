"""What the wrapper of runc asks for on a host with CAP_SYS_RESOURCE, and on one without. runc is a stand-in."""

from __future__ import annotations

import copy
import json
import resource
import subprocess
from pathlib import Path
from typing import Any

import pytest

WRAPPER = Path(__file__).parents[2] / "images/node/files/usr/local/bin/runc-restricted"
WITH, WITHOUT = "000001ffffffffff", "000001fffeffffff"
TRICKY = ["echo", "CAP_SYS_RESOURCE", '{"bounding":["CAP_SYS_RESOURCE"],"oomScoreAdj":-5,}', "a,]"]
PROCESS = {
    "args": TRICKY,
    "capabilities": {
        "bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE", "CAP_KILL"],
        "effective": ["CAP_SYS_RESOURCE", "CAP_KILL"],
        "permitted": ["CAP_KILL", "CAP_SYS_RESOURCE"],
        "ambient": ["CAP_SYS_RESOURCE"],
    },
    "rlimits": [
        {"type": "RLIMIT_CORE", "hard": 1, "soft": 1},
        {"type": "RLIMIT_NOFILE", "hard": resource.RLIM_INFINITY & (2**64 - 1), "soft": 10},
    ],
    "oomScoreAdj": -998,
}
ALLOWED = {
    "args": TRICKY,
    "capabilities": {
        "bounding": ["CAP_CHOWN", "CAP_KILL"],
        "effective": ["CAP_KILL"],
        "permitted": ["CAP_KILL"],
        "ambient": [],
    },
    "rlimits": [{"type": "RLIMIT_CORE", "hard": 1, "soft": 1}],
    "oomScoreAdj": 7,
}


class Host:
    """A host with its own bounding set and OOM score, on which the wrapper is called."""

    def __init__(self, folder: Path, bounding: str) -> None:
        self.folder = folder
        (folder / "status").write_text(f"Name:\trunc\nCapBnd:\t{bounding}\n")
        (folder / "score").write_text("7\n")
        (folder / "runc").write_text(f'#!/bin/sh\necho "$@" > {folder}/called\n')
        text = WRAPPER.read_text("utf-8")
        text = text.replace("/proc/self/status", str(folder / "status"))
        (folder / "wrapper").write_text(text.replace("/proc/self/oom_score_adj", str(folder / "score")))
        for name in ("runc", "wrapper"):
            (folder / name).chmod(0o755)

    def call(self, *arguments: str) -> None:
        environment = {"PATH": f"{self.folder}:/usr/bin:/bin"}
        limited = f'ulimit -n 256; exec "{self.folder}/wrapper" "$@"'
        subprocess.run(["sh", "-c", limited, "sh", *arguments], env=environment, cwd=self.folder, check=True)
        assert (self.folder / "called").read_text() == " ".join(arguments) + "\n"

    def passed(self, file: str, process: Any, *arguments: str) -> Any:
        (self.folder / file).write_text(json.dumps(process, separators=(",", ":")))
        self.call(*arguments)
        return json.loads((self.folder / file).read_text())


@pytest.mark.parametrize("options", [["--bundle", "."], ["--bundle=."], []])
def test_a_container_is_requested_without_what_the_host_lacks(tmp_path: Path, options: list[str]) -> None:
    host = Host(tmp_path, WITHOUT)
    passed = host.passed("config.json", {"process": PROCESS}, "--root", "/run/x", "create", *options, "id")
    assert passed == {"process": ALLOWED}


def test_a_further_process_too(tmp_path: Path) -> None:
    passed = Host(tmp_path, WITHOUT).passed("process.json", PROCESS, "exec", "--process", "process.json", "id")
    assert passed == ALLOWED


def test_a_limit_that_the_host_can_give_stays(tmp_path: Path) -> None:
    process = copy.deepcopy(PROCESS) | {"rlimits": [{"type": "RLIMIT_NOFILE", "hard": 64, "soft": 64}]}
    passed = Host(tmp_path, WITHOUT).passed("config.json", {"process": process}, "run", "--bundle", ".", "id")
    assert passed["process"]["rlimits"] == process["rlimits"]


def test_a_host_that_lacks_nothing_changes_nothing(tmp_path: Path) -> None:
    passed = Host(tmp_path, WITH).passed("config.json", {"process": PROCESS}, "create", "--bundle", ".", "id")
    assert passed == {"process": PROCESS}


def test_other_commands_go_straight_to_runc(tmp_path: Path) -> None:
    passed = Host(tmp_path, WITHOUT).passed("config.json", {"process": PROCESS}, "delete", "--force", "id")
    assert passed == {"process": PROCESS}
