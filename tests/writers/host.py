"""Runs steps of the pipeline that stop before each line, in the worker's environment: started by writers.py.

A request on standard input's socket holds a step, its environment and a file for its output, and carries one end of a
socket. A fork of this process, which has DVC imported already, takes that step. It sends its pid first, then one byte
before each line of the pipeline's own code, and goes on when it gets one back, to the end if that is FREE; its exit
status comes last.

Steps wait TURN_LIMIT seconds for each other's pushes. If their environment does not say so, that is hardly at all: one
may be stopped in its turn, and what keeps every row then is to be seen as well.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from lab.pipeline import __main__ as pipeline
from lab.pipeline import workspace
from lab.pipeline.dvc import load
from tests.writers.writers import FREE

MODULES = ("steps", "workspace", "git", "content", "receipt")
TRACED = {str(Path(pipeline.__file__).with_name(f"{name}.py")) for name in MODULES}


def gated(gate: socket.socket) -> Any:
    """A trace function (sys.settrace) that asks at each line of the pipeline whether to continue."""
    free = False

    def line(_: FrameType, event: str, __: Any) -> Any:
        nonlocal free
        if event == "line" and not free:
            gate.sendall(b".")
            answer = gate.recv(1)
            if not answer:
                os._exit(1)  # the process at the other end has gone
            free = answer == FREE
            if free:
                sys.settrace(None)  # which slows all of DVC
        return line

    def call(frame: FrameType, _: str, __: Any) -> Any:
        return line if frame.f_code.co_filename in TRACED else None

    return call


def take(step: str, environment: dict[str, str], output: str, gate: socket.socket) -> int:
    os.environ.clear()
    os.environ.update(environment)
    workspace.TURN_LIMIT = float(environment.get("TURN_LIMIT", "0.2"))
    log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    gate.sendall(os.getpid().to_bytes(4, "big"))
    sys.settrace(gated(gate))
    status = pipeline.main([step])
    sys.settrace(None)
    sys.stdout.flush()
    return status


def main() -> None:
    load()  # beforehand, once for all
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    requests = socket.socket(fileno=os.dup(0))
    while True:
        content, descriptors, _, _ = socket.recv_fds(requests, 65_536, 1)
        if not content:
            return
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            gate = socket.socket(fileno=descriptors[0])
            request = json.loads(content)
            gate.sendall(bytes([0, take(request["step"], request["environment"], request["output"], gate)]))
            os._exit(0)
        os.close(descriptors[0])


main()
