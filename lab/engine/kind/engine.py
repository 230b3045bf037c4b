"""The kind engine as the commands see it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from lab.access import LoopbackAccess
from lab.chart import find_chart
from lab.config import Settings
from lab.docker import require_engine
from lab.engine import same_settings
from lab.engine.base import Status
from lab.engine.kind import bring_up, cluster, report
from lab.engine.kind.instance import KindInstance
from lab.engine.kubernetes import airflow_phases, logs, rotation, values
from lab.engine.phases import Note, Phase
from lab.errors import LabError
from lab.host import Check, docker_ports, inotify, require_kind_host
from lab.paths import Paths
from lab.proc import clean_environment, without_proxy_on_loopback
from lab.secrets import names_of
from lab.tools import missing_tools


@dataclass
class KindEngine:
    """See lab.engine.base.Engine for what each method promises."""

    paths: Paths
    settings: Settings
    name: str = "kind"
    on_this_machine: bool = True
    up_command: str = "make lab-up"
    git_pages: bool = True
    injector: str = "lab.drill.kind:KindInjector"

    @cached_property
    def instance(self) -> KindInstance:
        return KindInstance(self.paths, self.settings)

    def why_not_at_once(self) -> str:
        try:
            require_engine()
            find_chart(self.settings)
        except LabError as error:
            return error.message
        images = self.instance.images
        if images.source == "build" and images.missing():
            return "building the images takes a quarter of an hour"
        return ""

    def before_up(self) -> list[str]:
        instance = self.instance
        version = require_engine()
        cluster.require_own(instance)
        if instance.is_up():
            same_settings.require_running(instance.running_settings, self.settings)
        else:
            require_kind_host(self.paths, builds=instance.builds())
        same_settings.require_data(instance.data_settings, self.settings)
        # After a change of versions kubectl, which would say what is installed, is not there yet.
        if not instance.is_up() or missing_tools(self.paths) or not airflow_phases.is_installed(instance):
            values.wanted(instance).check()
        watches = inotify(0 if instance.container() else cluster.other_nodes(instance))
        looked = [docker_ports(version), watches, *rotation.unfinished(instance)]
        return [f"warning: {check.found} ({check.hint})" for check in looked if check.state == "warn"]

    def phases(self) -> list[Phase]:
        return bring_up.phases(self.instance)

    def access(self) -> LoopbackAccess:
        self.instance.require_up()
        return self.instance.access()

    def status(self) -> Status:
        return report.status(self.instance)

    def down(self, *, purge: bool) -> list[str]:
        instance, paths = self.instance, self.paths
        require_engine()
        cluster.require_own(instance)
        done = ["the cluster has gone"] if cluster.remove(instance) else []
        instance.running_settings.unlink(missing_ok=True)
        shutil.rmtree(paths.temporary, ignore_errors=True)
        if purge and (paths.data.exists() or paths.secrets.exists()):
            cluster.remove_data(instance)
            for folder in (paths.data, paths.secrets, paths.logs, paths.run, paths.user_home, paths.cache / "dvc"):
                shutil.rmtree(folder, ignore_errors=True)
            done.append("data, secrets and logs are removed")
        return done

    def service_names(self) -> list[str]:
        return logs.names(self.settings)

    def log(self, service: str, lines: int) -> str:
        self.instance.require_up()
        return logs.last_lines(self.instance.kube, service, lines)

    def follow(self, service: str) -> Iterator[str]:
        return logs.follow(self.instance.kube, service)

    def shell_environment(self) -> dict[str, str]:
        access = self.access()
        instance = self.instance
        reach = {
            **access.aws_variables(),
            **access.git_variables(),
            **access.dvc_variables(),
            **without_proxy_on_loopback(),
            "PIPELINE_REPOSITORY": access.repository_url,
            "KUBECONFIG": str(instance.kubeconfig),
        }
        return {**clean_environment(), **reach}

    def diagnose(self) -> list[Check]:
        return report.diagnose(self.instance)

    def secret_names(self) -> list[str]:
        return names_of(self.name)

    def close(self) -> None:
        """Nothing is opened."""

    def rotate(self, names: Sequence[str], note: Note) -> bool:
        rotation.rotate(self.instance, names, note)
        return True

    def leftovers(self) -> Iterable[str]:
        return report.leftovers(self.instance)
