"""An AWS account in this process: S3, STS and IAM by moto, EKS by the service beside this file; nothing leaves it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lab.components import repository
from lab.engine.eks import cloud
from lab.images.programs import TOOLS, place
from lab.paths import SOURCE, Paths
from tests.unit.charts import pinned_chart
from tests.unit.eks.service import ACCOUNT, REGION, Service
from tests.unit.support import fake_program

PROGRAMS = Path(__file__).with_name("programs.py")
BUCKET, CLUSTER = "mlops-lab-test", "lab-one"
BASE: dict[str, Any] = {
    "account": ACCOUNT,
    "region": "eu-central-1",
    "cluster": {"name": CLUSTER},
    "storage": {"bucket": "b-u-c"},
    "repository": {"url": "https://git.example.invalid/a.git"},
    "images": {"registry": "r.example.invalid", "tag": "1"},
}
"""The least that eks.toml holds, as data."""
TOML = f"""\
account = "{ACCOUNT}"
region = "{REGION}"
[cluster]
name = "{CLUSTER}"
[storage]
bucket = "{BUCKET}"
[repository]
url = "https://git.example.invalid/team/mlops.git"
[images]
registry = "registry.example.invalid/lab"
tag = "1"
"""
NETWORK = """\
[network]
public_access = ["203.0.113.0/24"]
"""
GIT = {"GITSYNC_USERNAME": "ada", "GITSYNC_PASSWORD": "git-password-of-ada"}
DATABASE = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://airflow:database-password@db.example.invalid/airflow"}


@dataclass
class Amazon:
    """The account, and what replaces programs."""

    service: Service
    folder: Path
    checkout: Paths
    heads: dict[str, str]

    def client(self, name: str) -> Any:
        return boto3.client(name, region_name=REGION)

    def calls(self, program: str) -> list[str]:
        file = self.folder / "calls"
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        return [line for line in lines if line.startswith(f"{program} ")]

    def settings(self, text: str = TOML) -> None:
        (self.checkout.source / "eks.toml").write_text(text, "utf-8")

    def fail(self, command: str, said: str) -> None:
        """From now on, make a program fail if its call begins like this."""
        (self.folder / "fails").write_text(f"{command}\n{said}", "utf-8")

    def heal(self) -> None:
        (self.folder / "fails").unlink()


def existing(amazon: Amazon) -> None:
    """Have eks.toml name a cluster that is there already."""
    file = amazon.checkout.source / "eks.toml"
    text = file.read_text("utf-8").replace(NETWORK, "").replace("[storage]", 'mode = "existing"\n[storage]')
    file.write_text(text, "utf-8")


def nothing_changed(amazon: Amazon) -> bool:
    """Whether the account is as empty as before."""
    iam = amazon.client("iam")
    return not (amazon.calls("eksctl") or amazon.client("s3").list_buckets()["Buckets"] or iam.list_roles()["Roles"])


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Credentials that only moto takes."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield


@pytest.fixture
def amazon(account: None, checkout: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Amazon:
    """An empty account, a checkout with eks.toml, and every program that `lab eks up` runs."""
    for name in ("lab", "images", "k8s", "dags"):
        (checkout.source / name).symlink_to(SOURCE / name)
    folder = tmp_path / "amazon"
    folder.mkdir()
    service = Service(folder / "eks.json")
    real = cloud.make_client

    def make_client(settings: Any, name: str) -> Any:
        client = real(settings, name)
        return service.attach(client) if name in {"eks", "cloudformation"} else client

    monkeypatch.setattr(cloud, "make_client", make_client)
    for variable, value in {**GIT, **DATABASE}.items():
        monkeypatch.setenv(variable, value)
    install_programs(checkout, folder, tmp_path, monkeypatch)
    heads: dict[str, str] = {}
    monkeypatch.setattr(repository, "head", lambda access: heads.get(access.repository_url))
    monkeypatch.setattr(repository, "seed", lambda access: heads.setdefault(access.repository_url, "c0ffee") and "made")
    monkeypatch.setattr("lab.environments.Environment.is_current", lambda _: True)
    made = Amazon(service, folder, checkout, heads)
    chart = pinned_chart(tmp_path, monkeypatch, {"type": "object"})
    made.settings(TOML + NETWORK + f'[airflow]\nchart = "{chart}"\n')
    return made


def install_programs(checkout: Paths, folder: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = f'exec {sys.executable} {PROGRAMS} "$(basename "$0" | cut -d- -f1)" {folder} "$@"'
    fake_program(temporary, monkeypatch, "eksctl", script)
    checkout.tools.mkdir(parents=True)
    for name in TOOLS:
        file = place(checkout, name)
        file.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        file.chmod(0o755)


@pytest.fixture
def steps(lab: Callable[..., Any]) -> Callable[..., dict[str, str]]:
    """What the plan says of each resource, by its kind; the last one where there are several."""

    def plan(*options: str) -> dict[str, str]:
        outcome = lab("eks", "plan", "--json", *options)
        return {step["resource"]: step["action"] for step in json.loads(outcome.out)["steps"]}

    return plan
