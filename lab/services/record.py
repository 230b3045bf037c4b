"""What a record of a service says; each service is one module of this package.

Records are data and small functions. `lab --help` imports all of them: what a function needs, it imports when it is
called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.services.image import Image

if TYPE_CHECKING:
    from pathlib import Path

    from lab.access import Access
    from lab.config import Settings
    from lab.secrets import Secrets

LOCAL, CLUSTER = "local", "cluster"
"""Where a service runs: as a process of the local engine, or in a Kubernetes cluster."""
PIPELINE = "worker"
"""The environment and the image of the pipeline's steps, which are no service."""
Check = Callable[["Access"], None]
"""Returns if all is well; raises NotYetError, or another LabError, that says what is not."""


@dataclass(frozen=True)
class Secret:
    """A generated secret: a file below `.lab/secrets`, and what the services read of it."""

    name: str
    purpose: str
    """What it does, as the end of a sentence that begins with its name."""
    generate: Callable[[], str]
    only: str = ""
    """LOCAL or CLUSTER if the other has no use for it."""
    lasting: str = ""
    """Why it cannot be replaced without losing what depends on it; empty if it can."""


@dataclass(frozen=True)
class Port:
    """The loopback port by which people reach a service, on every engine."""

    name: str
    """The setting `ports.<name>`, and the argument of `access.url`."""
    default: int
    """The port if it is free and the setting does not name another."""
    label: str
    """How the list at the end of `lab up` calls the service."""
    note: Callable[[Access], str]
    """What that list says of signing in."""
    address: Callable[[Access], str] | None = None
    """The URL in that list, where it is not that of the port."""


@dataclass(frozen=True)
class Process:
    """How the local engine runs a service."""

    command: Callable[[Access], list[str]]
    environment: Callable[[Access], dict[str, str]]
    """All of it: nothing is inherited (lab.proc.service_environment)."""
    folder: Callable[[Access], Path]
    """Its working directory."""
    ready: Callable[[Access, float], None]
    """Returns if the service that was started at this time (seconds since 1970) answers; NotYetError otherwise."""
    packages: str = ""
    """The environment with its program (a table in lab/pins.toml), if it is not the lab's own."""
    after: tuple[str, ...] = ()
    """Phases of `lab up` that have to end first, besides those of the services in `needs`."""
    prepare: Check | None = None
    """Makes what the process needs on this machine; harmless if it exists."""
    finish: Check | None = None
    """Makes what others need in the service, once it is ready; harmless if it exists."""
    is_prepared: Callable[[Access], bool] | None = None
    """Whether a process that runs has what `prepare` makes, where that can be lost."""
    probe: Check | None = None
    """In place of the service's own probe."""
    patience: int = 10
    """Seconds that it has to end after SIGTERM."""


@dataclass(frozen=True)
class Service:
    """A service of the lab. It runs on the engines that `process` and `manifest` or `component` are for.

    In a cluster, the manifest says everything else: namespace, labels, ports, image, volumes.
    """

    name: str
    """In `lab status` and `lab logs` of the local engine; in a cluster, the name is that of its pods' label."""
    role: str
    """What it is in the lab: the name of the phase of `lab up` that starts it."""
    what: str
    """How messages call it."""
    title: str = ""
    """What `lab up` shows while it starts; empty: "Starting", and `what`."""
    port: Port | None = None
    secrets: tuple[Secret, ...] = ()
    images: tuple[Image, ...] = ()
    process: Process | None = None
    manifest: str = ""
    """The file with its objects in k8s/overlays/local."""
    component: str = ""
    """The component of Airflow's chart that it is, in place of a manifest."""
    values: tuple[str, ...] = ()
    """The path to its Kubernetes Service in the chart's values, if people reach it."""
    objects: Callable[[Secrets], Mapping[str, Mapping[str, str]]] = lambda _: {}
    """The Secrets of its namespace that its pods read, by their names."""
    probe: Check | None = None
    """Asks it as its users do; without one it is as healthy as its process or pod."""
    reported_by: str = ""
    """The service that `probe` asks, if it is another one."""
    needs: tuple[str, ...] = ()
    """Services that start first, on engines that have them."""
    wanted: Callable[[Settings], bool] = lambda _: True
    """Whether a lab with these settings has it."""

    @property
    def heading(self) -> str:
        """What `lab up` shows while it starts."""
        return self.title or f"Starting {self.what}"

    def runs(self, where: str) -> bool:
        """Whether it runs there, LOCAL or CLUSTER."""
        return self.process is not None if where == LOCAL else bool(self.manifest or self.component)
