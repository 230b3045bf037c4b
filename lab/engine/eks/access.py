"""How users reach a lab on EKS from this machine: the configuration of Git, DVC and Airflow's client."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.access import AIRFLOW_USER, Access
from lab.config import Settings, StorageSettings
from lab.engine.airflow_secrets import GIT, LOGIN, LOGIN_FILE
from lab.engine.eks import secrets
from lab.engine.eks.kubeconfig import aws_environment
from lab.engine.eks.place import Place
from lab.engine.eks.settings import EksSettings
from lab.errors import NotRunningError
from lab.pipeline import git
from lab.secrets import Secrets

if TYPE_CHECKING:
    import boto3


class KnownSecrets(Secrets):
    """Secrets that are read from the cluster and stay in memory."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(Path("/"))
        self.values = values

    def __getitem__(self, name: str) -> str:
        return self.values[name]


@dataclass(frozen=True)
class EksAccess(Access):
    """The repository is the user's, the object store is Amazon S3, and Airflow is reached through the cluster."""

    eks: EksSettings
    known: Mapping[str, str]
    open_airflow: Callable[[], str]
    """Gives the URL of Airflow on this machine, when one is needed."""

    @classmethod
    def of(cls, place: Place, known: Mapping[str, str], open_airflow: Callable[[], str]) -> EksAccess:
        eks = place.settings
        storage = StorageSettings(bucket=eks.storage.bucket, prefix=eks.storage.prefix, region=eks.region)
        return cls(place.paths, Settings(storage=storage), eks, known, open_airflow)

    def url(self, name: str) -> str:
        if name != "airflow":
            raise KeyError(name)
        return self.open_airflow()

    @property
    def s3_endpoint(self) -> str | None:
        return None

    def aws_session(self) -> boto3.session.Session:
        import boto3

        return boto3.session.Session(profile_name=self.eks.profile or None, region_name=self.eks.region)

    @property
    def secrets(self) -> Secrets:
        return KnownSecrets(self.known)

    @property
    def repository_url(self) -> str:
        return self.eks.repository.url

    @property
    def status_hint(self) -> str:
        return "make eks-plan"

    def run_hint(self, run_id: str) -> str:
        return f"logs of {run_id}: in Airflow's UI, and below s3://{self.eks.storage.bucket}/logs/"

    def aws_variables(self) -> dict[str, str]:
        return aws_environment(self.eks)

    def git_variables(self) -> dict[str, str]:
        login = {"GITSYNC_USERNAME": self.known["git-user"], "GITSYNC_PASSWORD": self.known["git-password"]}
        return {**login, **git.credential_variables(self.repository_url)}


def repository_access(place: Place) -> EksAccess:
    """How the repository and the bucket are reached before there is an Airflow."""

    def no_airflow() -> str:
        raise NotRunningError("the cluster has no Airflow of the lab's", "make eks-up")

    return EksAccess.of(place, known_secrets(place), no_airflow)


def known_secrets(place: Place) -> dict[str, str]:
    """The secrets by which users reach the lab, from the environment, else from the cluster."""
    found = {"git-user": "", "git-password": ""}
    user, password = (os.environ.get(name, "") for name in secrets.GIT_VARIABLES)
    kube = place.kube()
    there = secrets.read(kube) if kube else {}
    if login := there.get(GIT):
        found = {"git-user": login["GITSYNC_USERNAME"], "git-password": login["GITSYNC_PASSWORD"]}
    if user and password:
        found = {"git-user": user, "git-password": password}
    if login := there.get(LOGIN):
        found["airflow-password"] = json.loads(login[LOGIN_FILE])[AIRFLOW_USER]
    return found
