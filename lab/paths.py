"""Where the lab keeps things: everything below `.lab/` of one checkout."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from lab.errors import HostError

SOURCE = Path(__file__).resolve().parent.parent
PRIVATE = 0o700


def make_home(home: Path) -> None:
    """Make the folder of a lab's state, closed to other users of the machine (mode 0700).

    A folder that an earlier lab left open is closed. Containers reach what is below it through a bind mount, which the
    container engine resolves as itself.

    Raises:
        HostError: the folder belongs to another user.
    """
    home.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
    protect_home(home)


def protect_home(home: Path) -> None:
    """Close the folder of a lab's state to other users, where there is one; see `make_home`."""
    try:
        if home.exists() and stat.S_IMODE(home.stat().st_mode) != PRIVATE:
            home.chmod(PRIVATE)
    except PermissionError as error:
        message = f"{home} belongs to another user, and cannot be closed to others (mode 0700)"
        raise HostError(message, "run the lab as the user who made it, or use another checkout") from error


@dataclass(frozen=True)
class Paths:
    """The folders and files of one lab. `home` is git-ignored and holds all of the lab's state."""

    source: Path
    home: Path

    @classmethod
    def of(cls, source: Path | None = None) -> Paths:
        source = source or SOURCE
        return cls(source=source, home=source / ".lab")

    @property
    def settings_file(self) -> Path:
        return self.source / "lab.toml"

    @property
    def data(self) -> Path:
        """What `lab down --purge` removes and everything else keeps: objects, repositories, Airflow's database."""
        return self.home / "data"

    @property
    def objects(self) -> Path:
        return self.data / "s3"

    @property
    def repositories(self) -> Path:
        return self.data / "git"

    @property
    def airflow(self) -> Path:
        return self.data / "airflow"

    @property
    def shared(self) -> Path:
        """The run folders: what the shared volume is on Kubernetes."""
        return self.data / "shared"

    @property
    def secrets(self) -> Path:
        return self.home / "secrets"

    @property
    def environments(self) -> Path:
        return self.home / "environments"

    @property
    def bin(self) -> Path:
        """The folder that lab-shell puts in front of PATH."""
        return self.home / "bin"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """Files of the running lab: process supervisor, lock, state."""
        return self.home / "run"

    @property
    def triggers(self) -> Path:
        """The state of the service `triggers` of the local engine; it can be created again."""
        return self.run / "triggers"

    @property
    def cache(self) -> Path:
        return self.home / "cache"

    @property
    def temporary(self) -> Path:
        return self.home / "tmp"

    @property
    def user_home(self) -> Path:
        """HOME of the lab's services, so that the user's own configuration has no effect."""
        return self.home / "user"

    @property
    def aws_configuration(self) -> Path:
        """An empty file in place of the user's ~/.aws/config; botocore refuses /dev/null."""
        return self.run / "aws-configuration"

    @property
    def machine_cache(self) -> Path:
        """What all checkouts of this user share because it takes long to make or fetch: the chart, Go builds."""
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lab"

    @property
    def tools(self) -> Path:
        """kind, helm and kubectl, each with its version in its name."""
        return self.home / "tools"

    @property
    def bench(self) -> Path:
        return self.home / "bench"

    def environment(self, name: str) -> Path:
        return self.environments / name

    def program(self, environment: str, name: str) -> Path:
        return self.environment(environment) / "bin" / name
