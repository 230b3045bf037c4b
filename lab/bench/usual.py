"""The usual way to a lab on kind, by usual_way/up.sh: a separate cluster, which is always removed."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import ui
from lab.access import LoopbackAccess
from lab.bench.measure import timed
from lab.bench.scratch import removed_after
from lab.chart import find_chart
from lab.config import ClusterSettings, Settings
from lab.content import content_hash
from lab.docker import docker, inspect
from lab.engine import ports
from lab.engine.kind import cluster
from lab.engine.kind.cluster_config import cluster_config
from lab.engine.kind.instance import KindInstance
from lab.engine.kubernetes import manifests, objects, overlay, values
from lab.errors import ProgramError, SettingsError
from lab.helm_values import ValuesFile
from lab.images.bake import bake
from lab.images.base import Note
from lab.images.catalogue import NODE, NODE_BASE
from lab.paths import Paths
from lab.tools import tool

CLUSTER = "lab-usual"
SCRIPTS = Path(__file__).with_name("usual_way")
OWN_VALUES = SCRIPTS / "airflow-values.yaml"
CONTROL_PLANE = ("pause", "control-plane")
"""What kind's own node image contains."""
LOADED = ("airflow", "worker", "gitea", "postgres", "localstack", "pod-identity")
PREPARE_LIMIT, UP_LIMIT = 900, 3600


@dataclass(frozen=True)
class UsualWay:
    """The lab of a user who follows a guide. Of `instance` only names and paths are used."""

    instance: KindInstance

    @property
    def access(self) -> LoopbackAccess:
        return self.instance.access()

    def prepare(self) -> None:
        """Prepare what a user has before the first step: programs, images, passwords, free ports.

        Programs are those that `lab install` got for the checkout.
        """
        instance, paths = self.instance, self.instance.paths
        shutil.rmtree(paths.home, ignore_errors=True)
        for folder in (paths.run, paths.temporary, paths.user_home):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        installed = Paths.of(paths.source)
        paths.tools.symlink_to(installed.tools)
        paths.environments.symlink_to(installed.environments)
        paths.aws_configuration.touch()
        with ui.step("The usual way: the node's image (not measured)", PREPARE_LIMIT) as shown:
            self.ensure_node(lambda text: shown.note("", text))
        self.access.secrets.ensure()
        ports.settle(instance.port_file, instance.settings.ports)

    @property
    def node_image(self) -> str:
        """A node with Kubernetes' own images, as in kind's published node images, and none of the lab's."""
        images = self.instance.images
        if not images.baked:
            return images.reference(NODE)
        parts = [images.reference(name).encode() for name in (NODE_BASE, *CONTROL_PLANE)]
        return f"lab/node-usual:{content_hash(parts)}"

    def ensure_node(self, note: Note) -> None:
        if inspect("image", self.node_image) is None:
            reference = self.instance.images.reference
            bake(reference(NODE_BASE), [reference(name) for name in CONTROL_PLANE], self.node_image, note)

    def up(self, title: str) -> tuple[float, dict[str, float]]:
        """Run the usual way to its end, on empty data; return the seconds in all, and of each step.

        Raises:
            ProgramError: a step failed; the detail is its last lines, and the existing pods.
        """
        environment = {**self.instance.tool_environment(), **self.variables()}
        secrets = manifests.secret_objects(self.access, self.instance.images.reference("worker"))
        script: list[str | Path] = ["sh", SCRIPTS / "up.sh"]
        try:
            ran = timed(title, script, env=environment, cwd=self.instance.paths.home, limit=UP_LIMIT, text=secrets)
        except ProgramError as error:
            with contextlib.suppress(ProgramError):
                error.detail += "\n" + self.instance.kube.kubectl("get", "pods", "--all-namespaces", check=False).stdout
            raise
        return ran.seconds, steps(ran.completed.stdout)

    def variables(self) -> dict[str, str]:
        """The variables that the script needs; writes the files that they name."""
        instance, paths = self.instance, self.instance.paths
        manifests.make_data_folders(instance.data)
        folder = instance.run_files
        objects.write(folder, manifests.rendered(self.access, instance.references(), folder))
        config = folder / "cluster.yaml"
        config.write_text(self.cluster_config(), "utf-8")
        return {
            **{name.upper(): str(tool(paths, name)) for name in ("kind", "kubectl", "helm")},
            "CLUSTER": instance.cluster,
            "CONFIG": str(config),
            "NODE_IMAGE": self.node_image,
            "IMAGES": " ".join(instance.images.reference(name) for name in LOADED),
            "OBJECTS": str(folder),
            "CHART": str(find_chart(instance.settings)),
            "VALUES": " ".join(os.path.relpath(file, paths.home) for file in self.values_files()),
        }

    def cluster_config(self) -> str:
        chosen = ports.read(self.instance.port_file)
        mapped = {node_port: chosen[name] for name, node_port in overlay.node_ports().items()}
        template = (SCRIPTS / "cluster.yaml").read_text("utf-8")
        data = self.instance.data.resolve()
        return cluster_config(template, name=self.instance.cluster, image=self.node_image, ports=mapped, data=data)

    def values_files(self) -> list[Path]:
        """The lab's values, without its overlay's optimizations for laptops."""
        known = values.engine_values(self.access, self.instance.references(), migrated=False)
        generated = ValuesFile.of(self.instance.run_files / "airflow-values.json", known)
        generated.write()
        base = self.instance.paths.source / "k8s" / "base"
        return [base / "airflow-values.yaml", base / "dags-bundle-values.yaml", OWN_VALUES, generated.path]

    def remove(self) -> None:
        """Remove the cluster with its data; keep what was prepared."""
        cluster.remove(self.instance)
        cluster.remove_data(self.instance)

    def forget(self) -> None:
        """Remove the cluster, and everything that was prepared, except programs and images that the lab needs, too."""
        self.remove()
        if self.instance.images.baked:
            docker("image", "rm", "--force", self.node_image, check=False)
        shutil.rmtree(self.instance.paths.home, ignore_errors=True)


def steps(output: str) -> dict[str, float]:
    """The script's output, `create 34` and so on, as seconds by step."""
    return {name: float(seconds) for name, seconds in (line.split() for line in output.splitlines())}


@contextmanager
def usual_way(source: Path, folder: Path, settings: Settings) -> Iterator[UsualWay]:
    """The usual way with what the checkout `source` says, its files in `folder`; everything is removed when it ends.

    Raises:
        SettingsError: the cluster of that name belongs to another lab or program.
    """
    own = settings.model_copy(update={"cluster": ClusterSettings(name=CLUSTER)})
    usual = UsualWay(KindInstance(Paths(source, folder), own))
    try:
        cluster.require_own(usual.instance)
    except SettingsError as error:
        raise SettingsError(error.message, "wait until the bench there has ended, or end that cluster") from error
    with removed_after(usual.forget):
        usual.remove()
        usual.prepare()
        yield usual
