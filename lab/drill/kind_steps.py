"""The steps at work in the node of a kind cluster, as processes: exact to a fifth of a second.

The cluster itself reports the start of a container a second later, and of a short one only that it has ended.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from lab.engine.kind.instance import KindInstance

# A line for each step: its pid in the node, two of its variables, its command line; then a dot. It ends after
# a minute: what `docker exec` starts in a container outlives it.
LOOK = r"""
look() {
  while sleep 0.2; do
    for pid in $(pgrep --full 'lab\.pipeline (pull|modify|push)$'); do
      variables=$(tr '\0' '\n' < /proc/$pid/environ | grep -E '^(PIPELINE_RUN_ID|HOSTNAME)=' | tr '\n' ' ')
      echo "$pid $variables $(tr '\0' ' ' < /proc/$pid/cmdline)"
    done 2> /dev/null
    echo .
  done
}
look & sleep 60; kill $!
"""
KILL = 'tr "\\0" "\\n" < "/proc/$1/environ" | grep -qxF "PIPELINE_RUN_ID=$2" && kill -KILL "$1"'
"""The start time of the step's process, since another process may have its pid by now."""


@dataclass(frozen=True)
class NodeStep:
    """A step at work. `pod` is the name of its pod, which every container has for its host's."""

    pid: int
    run_id: str
    pod: str
    step: str


@dataclass
class StepWatch:
    """Follows the steps in a separate thread from `start` to `end`."""

    instance: KindInstance
    found: frozenset[NodeStep] = frozenset()
    changed: threading.Condition = field(default_factory=threading.Condition)
    ended: threading.Event = field(default_factory=threading.Event)
    program: subprocess.Popen[str] | None = None

    def start(self) -> None:
        threading.Thread(target=self.follow, daemon=True).start()

    def end(self) -> None:
        self.ended.set()
        if self.program:
            self.program.terminate()

    def follow(self) -> None:
        command = ["docker", "exec", self.instance.node, "sh", "-c", LOOK]
        while not self.ended.is_set():
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
                self.program = program
                for found in looks(program.stdout or ()):
                    with self.changed:
                        self.found = found
                        self.changed.notify_all()
            self.ended.wait(0.1)

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until it is true, at most this many seconds; return whether it is."""
        until = time.monotonic() + seconds
        with self.changed:
            while not condition() and time.monotonic() < until:
                self.changed.wait(until - time.monotonic())
            return condition()


def looks(lines: Iterable[str]) -> Iterator[frozenset[NodeStep]]:
    """The steps that each check found."""
    found: list[NodeStep] = []
    for line in lines:
        fields = line.split()
        if fields == ["."]:
            yield frozenset(found)
            found = []
            continue
        variables = dict(each.split("=", 1) for each in fields[1:] if "=" in each)
        if {"PIPELINE_RUN_ID", "HOSTNAME"} <= variables.keys():  # else it ended during the check
            found.append(NodeStep(int(fields[0]), variables["PIPELINE_RUN_ID"], variables["HOSTNAME"], fields[-1]))
