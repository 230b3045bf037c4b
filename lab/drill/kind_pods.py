"""The pods of Airflow and of its steps as they are now, told by one `kubectl get --watch` instead of many questions."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lab.engine.kind.instance import AIRFLOW, Instance
from lab.tools import tool

PAUSE = 0.5
"""Seconds before a watch that ended, as with its API server, is begun again."""
Pod = dict[str, Any]


@dataclass
class PodWatch:
    """Follows the pods of Airflow's namespace in a thread of its own from `start` to `end`."""

    instance: Instance
    found: dict[str, Pod] = field(default_factory=dict)
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
        place = ["--kubeconfig", str(self.instance.kubeconfig), "--context", self.instance.context]
        what = ["get", "pods", "--namespace", AIRFLOW, "--watch", "--output-watch-events", "--output", "json"]
        command = [str(tool(self.instance.paths, "kubectl")), *place, *what]
        environment = self.instance.tool_environment()
        while not self.ended.wait(PAUSE):
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, encoding="utf-8"
            ) as program:
                self.program = program
                with self.changed:
                    self.found.clear()
                for event in events(program.stdout.readline):  # type: ignore[union-attr]
                    self.take(event)

    def take(self, event: dict[str, Any]) -> None:
        pod = event["object"]
        with self.changed:
            if event["type"] == "DELETED":
                self.found.pop(pod["metadata"]["name"], None)
            elif pod.get("kind") == "Pod":
                self.found[pod["metadata"]["name"]] = pod
            self.changed.notify_all()

    def pods(self, wanted: Callable[[Pod], bool]) -> list[Pod]:
        with self.changed:
            return [pod for pod in self.found.values() if wanted(pod)]

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until it is true, at most so many seconds; whether it is."""
        until = time.monotonic() + seconds
        with self.changed:
            while not condition() and time.monotonic() < until:
                self.changed.wait(until - time.monotonic())
            return condition()


def events(read: Callable[[], str]) -> Iterator[dict[str, Any]]:
    """The JSON objects that stand one after the other in what `read` gives, piece by piece, until it gives nothing."""
    decoder, text = json.JSONDecoder(), ""
    while piece := read():
        text = (text + piece).lstrip()
        with contextlib.suppress(ValueError):  # the rest of the object is still to come
            while text:
                event, end = decoder.raw_decode(text)
                yield event
                text = text[end:].lstrip()
