"""How to reach a lab, whichever engine runs it: URLs, credentials as environments, programs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.config import Settings
from lab.paths import Paths
from lab.pipeline import git
from lab.proc import service_environment
from lab.secrets import Secrets

if TYPE_CHECKING:
    import boto3

GIT_USER = "lab"
"""The user: owns the repository, and on kind administers Gitea."""
GIT_BOT = "lab-bot"
"""On kind, the user of everything that runs in the cluster."""
AIRFLOW_USER = "admin"
REPOSITORY = "lab/mlops.git"
BRANCH = "main"
DATASET = "datasets/employee_attrition.csv"
DAG = "dataset_pipeline"


@dataclass(frozen=True)
class Access(ABC):
    """One lab as its users reach it from this machine."""

    paths: Paths
    settings: Settings

    @abstractmethod
    def url(self, name: str) -> str:
        """Where the service with the port of that name is reached; KeyError if this lab has none."""

    @property
    def airflow_url(self) -> str:
        return self.url("airflow")

    @property
    @abstractmethod
    def repository_url(self) -> str: ...

    @property
    @abstractmethod
    def s3_endpoint(self) -> str | None:
        """The URL of the object store; None for Amazon S3."""

    @abstractmethod
    def aws_session(self) -> boto3.session.Session:
        """boto3 with the credentials and the region of the bucket."""

    @abstractmethod
    def aws_variables(self) -> dict[str, str]: ...

    @abstractmethod
    def git_variables(self) -> dict[str, str]: ...

    @property
    def secrets(self) -> Secrets:
        return Secrets(self.paths.secrets)

    @property
    def status_hint(self) -> str:
        """The command that shows the state of this lab."""
        return "make lab-status"

    def run_hint(self, run_id: str) -> str:
        """Where the logs of a run are."""
        return f"make lab-logs RUN={run_id}"

    @property
    def remote_url(self) -> str:
        """The DVC remote, as in the repository's `.dvc/config`."""
        return f"s3://{self.settings.storage.bucket}/{self.settings.storage.prefix}"

    def dvc_variables(self) -> dict[str, str]:
        folder = self.paths.cache / "dvc"
        return {
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(folder / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(folder / "global"),
            "DVC_SYSTEM_CONFIG_DIR": str(folder / "system"),
        }

    def tool_environment(self) -> dict[str, str]:
        """For the lab's own calls of git and dvc: isolated from the user's configuration."""
        return service_environment(
            {
                **self.own_variables(),
                **git.isolated_variables(self.repository_url),
                **self.git_variables(),
                **self.aws_variables(),
                **self.dvc_variables(),
            }
        )

    def own_variables(self) -> dict[str, str]:
        """Variables of every process of the lab; by LAB_HOME the lab recognizes its own processes."""
        return {
            "LAB_HOME": str(self.paths.home),
            # setproctitle, which Airflow uses, would write its titles over the environment, and LAB_HOME with it.
            "SPT_NOENV": "1",
            "HOME": str(self.paths.user_home),
            "TMPDIR": str(self.paths.temporary),
            "PYTHONPYCACHEPREFIX": str(self.paths.cache / "bytecode"),
            "PYTHONUNBUFFERED": "1",
        }

    def dvc_program(self) -> Path:
        return self.paths.program("worker", "dvc")


@dataclass(frozen=True)
class LoopbackAccess(Access):
    """A lab with services on ports of this machine."""

    urls: Mapping[str, str]
    """Where each service is reached, by the name of its port (lab.services.record.Port)."""

    def url(self, name: str) -> str:
        return self.urls[name]

    @property
    def repository_url(self) -> str:
        return f"{self.url('git')}/{REPOSITORY}"

    @property
    def s3_endpoint(self) -> str | None:
        return self.url("s3")

    def aws_session(self) -> boto3.session.Session:
        import boto3

        keys = self.aws_variables()
        return boto3.session.Session(
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            region_name=self.settings.storage.region,
        )

    def aws_variables(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url("s3"),
            "AWS_ACCESS_KEY_ID": self.secrets["aws-access-key-id"],
            "AWS_SECRET_ACCESS_KEY": self.secrets["aws-secret-access-key"],
            "AWS_DEFAULT_REGION": self.settings.storage.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            # The user's own profiles stay out of it.
            "AWS_CONFIG_FILE": str(self.paths.aws_configuration),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.paths.aws_configuration),
        }

    def git_variables(self) -> dict[str, str]:
        return {
            "GITSYNC_USERNAME": GIT_USER,
            "GITSYNC_PASSWORD": self.secrets["git-password"],
            **git.credential_variables(self.repository_url),
        }
