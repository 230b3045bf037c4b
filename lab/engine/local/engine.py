"""The local engine as the commands see it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lab.access import LoopbackAccess
from lab.config import Settings
from lab.engine import same_settings
from lab.engine.base import Status
from lab.engine.local import bring_up, log_file, processes, report, rotation, services
from lab.engine.local.instance import LocalInstance
from lab.engine.phases import Note, Phase
from lab.errors import NotRunningError
from lab.host import Check, require_host
from lab.paths import Paths
from lab.proc import clean_environment
from lab.secrets import names_of
from lab.services import airflow, environments, storage


@dataclass
class LocalEngine:
    """See lab.engine.base.Engine for what each method promises."""

    paths: Paths
    settings: Settings
    name: str = "local"
    on_this_machine: bool = True
    up_command: str = "make lab-up"
    git_pages: bool = False
    injector: str = "lab.drill.local:LocalInjector"

    @property
    def instance(self) -> LocalInstance:
        return LocalInstance(self.paths, self.settings)

    def why_not_at_once(self) -> str:
        return ""

    def before_up(self) -> list[str]:
        fresh = not all(self.instance.environment(name).is_current() for name in environments())
        require_host(self.paths, installs=fresh, starts=not self.instance.is_up())
        if self.instance.is_up():
            same_settings.require_running(self.instance.running_settings, self.settings)
        same_settings.require_data(self.instance.data_settings, self.settings)
        taken = self.instance.squatters() if self.instance.is_up() else []
        if taken:  # the phase that starts the supervisor chooses another
            self.down(purge=False)
            return [f"{line[0].upper()}{line[1:]}. The lab restarts on another port." for line in taken]
        # Here, and not in a phase: the programs of parallel phases would be treated as leftovers.
        if not self.instance.is_up() and processes.end_all(self.paths.home):
            return ["Ended processes that an earlier lab left behind."]
        return []

    def phases(self) -> list[Phase]:
        return bring_up.phases(self.instance)

    def access(self) -> LoopbackAccess:
        if not self.instance.is_up():
            raise NotRunningError("the lab is down", "make lab-up")
        self.instance.require_own_listeners()
        return self.instance.access()

    def status(self) -> Status:
        return report.status(self.instance)

    def down(self, *, purge: bool) -> list[str]:
        paths, supervisor = self.paths, self.instance.supervisor()
        done = []
        was_up = self.instance.is_up()
        supervisor.shut_down(limit=60)
        if processes.end_all(paths.home) or was_up:
            done.append("all services have ended")
        for file in (supervisor.pid_file, self.instance.running_settings):
            file.unlink(missing_ok=True)
        shutil.rmtree(paths.temporary, ignore_errors=True)
        if purge and (paths.data.exists() or paths.secrets.exists()):
            caches = (paths.cache / "dvc", storage.root(paths))
            for folder in (paths.data, paths.secrets, paths.logs, paths.run, paths.user_home, *caches):
                shutil.rmtree(folder, ignore_errors=True)
            done.append("data, secrets and logs are removed")
        return done

    def service_names(self) -> list[str]:
        return [*services.names(self.settings), "supervisord"]

    def log(self, service: str, lines: int) -> str:
        return log_file.last_lines(self.instance.supervisor().log_file(service), lines)

    def follow(self, service: str) -> Iterator[str]:
        return log_file.follow(self.instance.supervisor().log_file(service))

    def shell_environment(self) -> dict[str, str]:
        access = self.access()
        wanted = airflow.environment(access)
        # HOME, TMPDIR, PATH and Git's isolation are for services; users keep their own.
        private = {"HOME", "TMPDIR", "PATH", "LANG", "LAB_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"}
        kept = {
            name: value
            for name, value in wanted.items()
            if name not in private and not name.startswith(("PYTHON", "GIT_AUTHOR", "GIT_COMMITTER"))
        }
        quiet = {"AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}  # `airflow dags list` prints a table, not its start-up
        return {**clean_environment(), **kept, **quiet, **access.dvc_variables()}

    def diagnose(self) -> list[Check]:
        return report.diagnose(self.instance)

    def secret_names(self) -> list[str]:
        return names_of(self.name)

    def close(self) -> None:
        """Nothing is opened."""

    def rotate(self, names: Sequence[str], note: Note) -> bool:
        was_up = self.instance.is_up()
        note("ending the services")
        self.down(purge=False)
        rotation.rotate(self.instance, names, note)
        return was_up

    def leftovers(self) -> Iterable[str]:
        return report.leftovers(self.instance)
