"""Writers that the test steps line by line: runs of the pipeline, and people who push by hand."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

FREE = b">"
STEPS = ("pull", "modify", "push")


class Host:
    """The process that the steps are forks of."""

    def __init__(self, python: str, source: Path) -> None:
        ours, its = socket.socketpair()
        self.requests = ours
        self.process = subprocess.Popen(
            [python, str(Path(__file__).with_name("host.py"))],
            stdin=its.fileno(), cwd=source, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(source)},
        )  # fmt: skip
        its.close()

    def start(self, step: str, environment: dict[str, str], output: Path) -> Step:
        ours, its = socket.socketpair()
        request = {"step": step, "environment": environment, "output": str(output)}
        socket.send_fds(self.requests, [json.dumps(request).encode()], [its.fileno()])
        its.close()
        return Step(ours)

    def close(self) -> None:
        self.requests.close()
        self.process.wait(timeout=30)


class Step:
    """One try of a step, stopped before a line, or ended with `status`."""

    def __init__(self, gate: socket.socket) -> None:
        self.gate = gate
        self.gate.settimeout(120)
        self.pid = int.from_bytes(self.receive(4), "big")
        self.status: int | None = None
        self.attend()

    def receive(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            more = self.gate.recv(count - len(content))
            assert more, "the step has ended without a word"
            content += more
        return content

    def attend(self) -> None:
        """Until it stops before its next line, or ends."""
        if self.receive(1) != b".":
            self.status = self.receive(1)[0]
            self.gate.close()

    def go(self, lines: int | None) -> None:
        """Let it run that many lines, fewer if it ends before; to its end if that is None."""
        if lines is None and self.status is None:
            self.gate.sendall(FREE)
            self.attend()
        while lines and self.status is None:
            self.gate.sendall(b"!")
            self.attend()
            lines -= 1

    def kill(self) -> None:
        """A crash: the process is not notified."""
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            while self.gate.recv(1):  # until the system has closed its end
                pass
            self.gate.close()


@dataclass
class Writer:
    """One run of the pipeline, with an Airflow that tries each step again until it succeeds."""

    host: Host
    environment: dict[str, str]
    output: Path
    rows: int
    next_step: int = 0
    step: Step | None = None
    statuses: list[int] = field(default_factory=list)

    @property
    def run_id(self) -> str:
        return self.environment["PIPELINE_RUN_ID"]

    @property
    def ended(self) -> bool:
        return self.next_step == len(STEPS)

    def go(self, lines: int | None = None) -> None:
        if self.ended:
            return
        if self.step is None:
            self.step = self.host.start(STEPS[self.next_step], self.environment, self.output)
        self.step.go(lines)
        if self.step.status is not None:
            self.statuses.append(self.step.status)
            self.next_step += self.step.status == 0
            self.step = None

    def crash(self) -> None:
        if self.step is not None:
            self.step.kill()
            self.step = None

    def said(self) -> str:
        """What its steps have written to their log."""
        return self.output.read_text("utf-8")

    def go_until(self, words: str) -> None:
        """Line by line, until its log has these words."""
        while not (self.output.exists() and words in self.said()):
            assert not self.ended
            self.go(1)

    def finish(self) -> None:
        """Without further crashes; a step may still end with an error, and be tried again."""
        tries = 0
        while not self.ended:
            tries += 1
            assert tries < 30, f"{self.run_id} does not end: {self.statuses}\n{self.output.read_text()[-3000:]}"
            self.go()
