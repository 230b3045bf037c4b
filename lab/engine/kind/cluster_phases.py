"""The phases of the cluster itself: tools, images, and the node with Kubernetes in it."""

from __future__ import annotations

from lab.engine import ports, same_settings
from lab.engine.kind import cluster
from lab.engine.kind.instance import KindInstance
from lab.engine.kubernetes import programs
from lab.engine.kubernetes.tools import tools
from lab.engine.phases import Note, Phase

BUILD_LIMIT = 3600
"""Seconds for images that are all built from source."""


def phases(instance: KindInstance) -> list[Phase]:
    getting = tools(instance.paths, "Getting kind, helm and kubectl")
    return [getting, images(instance), node(instance)]


def images(instance: KindInstance) -> Phase:
    def get(note: Note) -> None:
        instance.images.ensure(note)

    return Phase("images", "Getting the images", BUILD_LIMIT, lambda: not instance.images.missing(), get, installs=True)


def node(instance: KindInstance) -> Phase:
    def done() -> bool:  # a lab of an earlier version lacks the secrets that were added later
        return cluster.is_ready(instance) and not instance.access().secrets.missing()

    def make(note: Note) -> None:
        instance.access().secrets.ensure()
        instance.paths.run.mkdir(parents=True, exist_ok=True, mode=0o700)
        instance.paths.temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
        instance.paths.aws_configuration.touch()
        if instance.container() is None:
            ports.settle(instance.port_file, instance.settings.ports)
            same_settings.remember_running(instance.running_settings, instance.settings)
        note("kubeadm starts a control plane in one container")
        cluster.ensure(instance)
        programs.link(instance)

    return Phase("cluster", "Starting the cluster", cluster.CREATE_LIMIT, done, make, ("tools", "images"))
