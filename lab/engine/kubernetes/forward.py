"""A loopback port forwarded to a service of the cluster by `kubectl port-forward`, for as long as a block runs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from lab.engine.kubernetes.cluster import Cluster
from lab.errors import CloudError
from lab.proc import tail
from lab.wait import NotYetError, wait_until

LIMIT = 60
SAID = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+) ->")
PAUSE = 0.5


@dataclass
class Forward:
    """One kubectl after the other: it ends when its pod does, or the network, and is then started again."""

    cluster: Cluster
    service: str
    namespace: str
    target: int
    port: int = 0
    closing: Event = field(default_factory=Event)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.cluster.kubeconfig.with_name("port-forward.log")

    def start(self) -> None:
        """Start it on the same port as before, or on any free one."""
        place = ("--namespace", self.namespace, "--address", "127.0.0.1")
        ports = f"{self.port or ''}:{self.target}"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.cluster.command("port-forward", *place, f"service/{self.service}", ports),
                env=self.cluster.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def listening(self) -> None:
        """Return when kubectl says that it listens."""
        assert self.process is not None, "started"  # noqa: S101
        said = self.log.read_text("utf-8", "replace")
        found = SAID.search(said)
        if found:
            self.port = int(found[1])
            return
        if self.process.poll() is not None:
            hint = "make eks-plan shows the state of Airflow"
            raise CloudError(f"port-forward to {self.service} failed", hint, tail(said))
        raise NotYetError("no answer from the cluster yet")

    def keep(self) -> None:
        while not self.closing.wait(PAUSE):
            if self.process is not None and self.process.poll() is not None:
                self.start()

    def end(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@contextmanager
def forwarded(cluster: Cluster, service: str, namespace: str, target: int) -> Iterator[str]:
    """The URL on this machine by which the service answers while the block runs.

    Raises:
        CloudError: kubectl port-forward failed.
    """
    forward = Forward(cluster, service, namespace, target)
    keeper = Thread(target=forward.keep, daemon=True)
    try:
        forward.start()
        wait_until(forward.listening, what=f"port-forward to {service}", limit=LIMIT, pause=0.1)
        keeper.start()
        yield f"http://127.0.0.1:{forward.port}"
    finally:
        forward.closing.set()
        if keeper.is_alive():
            keeper.join()
        forward.end()
