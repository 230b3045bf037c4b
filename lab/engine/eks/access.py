"""How users reach a lab on EKS from this machine: the configuration of Git, DVC and Airflow's client."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.access import AIRFLOW_USER, Access
from lab.config import Settings, StorageSettings
from lab.engine.airflow_secrets import GIT, LOGIN, LOGIN_FILE
from lab.engine.eks import secrets
from lab.engine.eks.kubeconfig import aws_environment
from lab.engine.eks.place import Place
from lab.engine.eks.settings import EksSettings
from lab.pipeline import git
from lab.secrets import Secrets


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


def access(place: Place, airflow_url: str = "") -> EksAccess:
    """How the lab is reached; secrets come from the environment, else from the cluster."""
    settings = place.settings
    storage = StorageSettings(bucket=settings.storage.bucket, prefix=settings.storage.prefix, region=settings.region)
    urls = {"airflow": airflow_url}
    return EksAccess(place.paths, Settings(storage=storage), urls, eks=settings, known=known_secrets(place))


def known_secrets(place: Place) -> dict[str, str]:
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
