"""The cluster itself: create, restart and identify it, and remove it with everything that belongs to it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from lab.docker import docker, inspect
from lab.engine import ports
from lab.engine.kind.cluster_config import cluster_config
from lab.engine.kind.instance import KindInstance
from lab.engine.kubernetes import airflow_tables, manifests, overlay
from lab.errors import HostError, LabError, SettingsError
from lab.host import INOTIFY_HINT
from lab.images.catalogue import IN_CLUSTER
from lab.proc import run
from lab.tools import tool
from lab.wait import NotYetError, wait_until

CREATE_LIMIT = 240
START_LIMIT = 120
LOAD_LIMIT = 600


def require_own(instance: KindInstance) -> None:
    """Refuse to touch a cluster of the same name that is not this lab's.

    Raises:
        SettingsError: there is one; the message says where it comes from, as far as that is known.
    """
    container = instance.container()
    if container is None or instance.is_own(container):
        return
    data = [mount["Source"] for mount in container["Mounts"] if mount.get("Destination") == "/lab/data"]
    owner = f"the lab in {Path(data[0]).parents[2]}" if data else "another program"
    raise SettingsError(
        f"the kind cluster {instance.cluster!r} belongs to {owner}",
        "set another cluster.name in lab.toml (or LAB_CLUSTER__NAME), or end that one first",
    )


def ensure(instance: KindInstance) -> None:
    """Start this lab's node, and wait for its API server.

    Raises:
        LabError: kind could not create it; its last lines are the detail, and nothing incomplete is left.
    """
    container = instance.container()
    if container is not None and not instance.kubeconfig.exists():
        remove(instance)
        container = None
    if container is None:
        create(instance)
    elif not container["State"]["Running"]:
        docker("start", instance.node, limit=START_LIMIT)
    wait_for_api(instance)
    if not has_images(instance):
        load_images(instance)


def create(instance: KindInstance) -> None:
    new = not instance.data.exists()
    manifests.make_data_folders(instance.data)
    if new:
        airflow_tables.remember(instance)
    instance.run_files.mkdir(parents=True, exist_ok=True)
    instance.paths.user_home.mkdir(parents=True, exist_ok=True)
    file = instance.run_files / "cluster.yaml"
    file.write_text(config(instance), "utf-8")
    command: list[str | Path] = [
        tool(instance.paths, "kind"), "create", "cluster", "--name", instance.cluster, "--config", file,
        "--image", instance.images.reference("node"), "--kubeconfig", instance.kubeconfig, "--wait", "0s",
    ]  # fmt: skip
    made = run(command, env=instance.tool_environment(), limit=CREATE_LIMIT, check=False)
    if made.status != 0:
        remove(instance)
        raise failure(made.stderr[-3000:])
    instance.kubeconfig.chmod(0o600)


def load_images(instance: KindInstance) -> None:
    """Load the images of pods into the node; those that it has are skipped."""
    references = [instance.images.reference(name) for name in IN_CLUSTER]
    kind: tuple[str | Path, ...] = (tool(instance.paths, "kind"), "load", "docker-image")
    run([*kind, "--name", instance.cluster, *references], env=instance.tool_environment(), limit=LOAD_LIMIT)
    loaded(instance).write_text(wanted_images(instance), "utf-8")


def has_images(instance: KindInstance) -> bool:
    """Whether the node holds the images of pods: it was created with them, or they were loaded.

    The node of a running lab was created with the images of that time; those of another version of the lab are loaded.
    """
    container = instance.container()
    made_of = container["Config"]["Image"] if container else ""
    if instance.images.baked and made_of == instance.images.reference("node"):
        return True
    return loaded(instance).exists() and loaded(instance).read_text("utf-8") == wanted_images(instance)


def loaded(instance: KindInstance) -> Path:
    return instance.run_files / "loaded-images"


def wanted_images(instance: KindInstance) -> str:
    return "\n".join([instance.identity(), *(instance.images.reference(name) for name in IN_CLUSTER)])


def failure(said: str) -> LabError:
    """The error for what kind said."""
    if any(sign in said.lower() for sign in ("failed to reload systemd", "too many open files", "inotify")):
        return HostError(
            "systemd in the node could not watch files: too many do so on this machine", INOTIFY_HINT, said
        )
    return LabError("kind could not make the cluster", "make lab-doctor", said)


def config(instance: KindInstance) -> str:
    """The kind configuration of the cluster, as YAML."""
    name = "cluster.yaml" if instance.images.baked else "cluster-pulled.yaml"
    template = (instance.paths.source / "k8s" / "kind" / name).read_text("utf-8")
    chosen = ports.read(instance.port_file)
    mapped = {node_port: chosen[name] for name, node_port in overlay.node_ports().items()}
    image = instance.images.reference("node")
    return cluster_config(template, name=instance.cluster, image=image, ports=mapped, data=instance.data.resolve())


def wait_for_api(instance: KindInstance) -> None:
    def probe() -> None:
        if instance.kube.kubectl("get", "--raw", "/readyz", check=False, limit=20).status != 0:
            raise NotYetError("the API server does not answer")

    def evidence() -> str:
        return docker("logs", "--tail", "12", instance.node, check=False).stdout

    wait_until(probe, what="the cluster", limit=START_LIMIT, pause=0.5, hint="make lab-doctor", detail=evidence)


def is_ready(instance: KindInstance) -> bool:
    """Whether this lab's node runs with all images, and its API server answers."""
    if not instance.kubeconfig.exists() or not instance.is_up() or not has_images(instance):
        return False
    return instance.kube.kubectl("get", "--raw", "/readyz", check=False).status == 0


def remove(instance: KindInstance) -> bool:
    """Remove the cluster's container with its volumes, and its network. The data folder stays.

    Returns:
        Whether there was anything.
    """
    container = instance.container()
    if container is not None and instance.is_own(container):
        docker("rm", "--force", "--volumes", instance.node, limit=120)
    network = inspect("network", instance.network)
    if network is not None and not network["Containers"]:
        docker("network", "rm", instance.network)
    instance.kubeconfig.unlink(missing_ok=True)
    shutil.rmtree(instance.run_files, ignore_errors=True)
    return container is not None


def remove_data(instance: KindInstance) -> None:
    """Remove the cluster's data; much of it belongs to users that exist in containers only."""
    if not instance.data.exists():
        return
    shutil.rmtree(instance.data, ignore_errors=True)
    if instance.data.exists():
        image = instance.images.reference("base")
        mount = f"{instance.data.resolve()}:/data"
        command = ("find", "/data", "-mindepth", "1", "-delete")
        docker("run", "--rm", "--network", "none", "--user", "0", "--volume", mount, image, *command, limit=120)
        shutil.rmtree(instance.data)


def other_nodes(instance: KindInstance) -> int:
    """How many nodes of other kind clusters run."""
    listed = docker("ps", "--filter", "label=io.x-k8s.kind.role", "--format", "{{.Names}}").stdout.split()
    return len(set(listed) - {instance.node})


def clusters_of(instance: KindInstance) -> list[str]:
    """The names of the kind clusters that have this lab's data folder."""
    listed = docker("ps", "--all", "--quiet", "--filter", "label=io.x-k8s.kind.role=control-plane").stdout.split()
    if not listed:
        return []
    found = json.loads(docker("inspect", *listed).stdout)
    return [c["Config"]["Labels"]["io.x-k8s.kind.cluster"] for c in found if instance.is_own(c)]
