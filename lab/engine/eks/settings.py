"""`eks.toml`: where on AWS the lab runs. Read and checked as a whole, before any call to AWS.

An unknown key or a wrong value is an error, and all of them are reported at once. It holds no secrets: they
come from the environment (lab.engine.eks.secrets).
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from lab.config import Section, Steps, describe, read_file
from lab.engine.eks import regions
from lab.engine.eks.bucket_name import trouble_with_bucket
from lab.engine.kubernetes.identities import ROLE, Identity
from lab.errors import SettingsError
from lab.pins import pins

FILE = "eks.toml"
SAMPLE = "k8s/overlays/eks/eks.sample.toml"
BOUNDARY = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>\d{12}|aws):policy/[\w+=,.@/-]{1,512}")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
REGISTRY = re.compile(r"[a-z0-9.-]+(:\d{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")

Subnet = Annotated[str, Field(pattern=r"^subnet-[0-9a-f]{8,17}$")]


class EksClusterSettings(Section):
    """The cluster: one that eksctl creates, or an existing one, which is never deleted."""

    # eksctl names CloudFormation stacks after it, and these begin with a letter.
    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,99}$")]
    mode: Literal["new", "existing"] = "new"
    kubernetes: Annotated[str, Field(pattern=r"^1\.\d\d$")] = ".".join(pins()["kubernetes"]["version"].split(".")[:2])
    node_type: Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$")] = "m6i.large"
    nodes: Annotated[int, Field(ge=1, le=100)] = 2


class NetworkSettings(Section):
    """The VPC of a new cluster: made by eksctl, or existing private subnets; and who reaches its API.

    `public_access` has no default, and EKS treats an empty list as everyone: a new public endpoint requires it.
    """

    vpc: Annotated[str, Field(pattern=r"^(vpc-[0-9a-f]{8,17})?$")] = ""
    subnets: list[Subnet] = Field(default_factory=list)
    endpoint: Literal["public", "both", "private"] = "both"
    public_access: list[str] = Field(default_factory=list)

    @field_validator("public_access")
    @classmethod
    def networks(cls, value: list[str]) -> list[str]:
        for each in value:
            try:
                ipaddress.IPv4Network(each)
            except ValueError as error:
                raise ValueError(f"network.public_access = {each!r}: {error}") from error
        return value

    @model_validator(mode="after")
    def whole(self) -> NetworkSettings:
        if bool(self.vpc) != bool(self.subnets):
            raise ValueError("network.vpc and network.subnets go together: both for an existing VPC, else none")
        if self.subnets and len(set(self.subnets)) < 2:
            raise ValueError("network.subnets: EKS wants two or more, in different zones")
        return self


class EksStorageSettings(Section):
    """The bucket of data and task logs, and the volume that the steps of a run share."""

    bucket: str
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")] = "dvc"
    volume: Literal["gp3", "efs"] = "gp3"
    file_system: Annotated[str, Field(pattern=r"^(fs-[0-9a-f]{8,40})?$")] = ""

    @field_validator("bucket")
    @classmethod
    def bucket_name(cls, value: str) -> str:
        problem = trouble_with_bucket(value)
        if problem:
            raise ValueError(f"storage.bucket = {value!r}: {problem}")
        return value

    @model_validator(mode="after")
    def whole(self) -> EksStorageSettings:
        if (self.volume == "efs") != bool(self.file_system):
            raise ValueError('storage.volume = "efs" and storage.file_system go together')
        return self


class DatabaseSettings(Section):
    """Its port, and TLS to it: `verify-full` checks the server's name with the certificates in a file (PEM)."""

    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    tls: Literal["require", "verify-full"] = "require"
    certificates: str = ""

    @model_validator(mode="after")
    def whole(self) -> DatabaseSettings:
        if (self.tls == "verify-full") != bool(self.certificates):
            raise ValueError('database.tls = "verify-full" and database.certificates go together')
        return self


class IdentitySettings(Section):
    """The role of the steps' pods; the name of the role for task logs follows from it."""

    role: Annotated[str, Field(pattern=r"^[A-Za-z0-9+=,.@_-]{1,64}$")] = ROLE
    permissions_boundary: str = ""


class RepositorySettings(Section):
    """The Git repository of DAGs and data pointers, on any Git host."""

    url: str

    @field_validator("url")
    @classmethod
    def plain(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.username or parts.password or "@" in parts.netloc:  # never repeated: it may hold a password
            raise ValueError("repository.url holds credentials: they come from GITSYNC_USERNAME and GITSYNC_PASSWORD")
        if parts.scheme != "https" or not parts.hostname or not parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(f"repository.url = {value!r}: must be https://host/path, as git clone takes it")
        return value


class EksImageSettings(Section):
    """Where the nodes pull the lab's images: `<registry>/<airflow|worker|gitsync>:<tag>`."""

    registry: str
    tag: str

    @model_validator(mode="after")
    def whole(self) -> EksImageSettings:
        if not REGISTRY.fullmatch(self.registry):
            raise ValueError(
                f"images.registry = {self.registry!r}: must be host[:port][/path], without a scheme or tag"
            )
        if not TAG.fullmatch(self.tag):
            raise ValueError(f"images.tag = {self.tag!r}: must be a tag of a container image")
        return self

    def references(self) -> dict[str, str]:
        return {name: f"{self.registry}/{name}:{self.tag}" for name in ("airflow", "worker", "gitsync")}


class EksAirflowSettings(Section):
    """As in lab.toml; `url` is where people reach Airflow, `values` a file of your own Helm values, merged last."""

    url: Annotated[str, Field(pattern=r"^(https://[^\s@?#]+)?$")] = ""
    steps: Steps = "local-executor"
    dags: Literal["bundle", "gitsync"] = "bundle"
    parallelism: Annotated[int, Field(ge=1, le=512)] = 16
    max_active_runs: Annotated[int, Field(ge=1, le=512)] = 4
    step_minutes: Annotated[int, Field(ge=1, le=10080)] = 60
    refresh_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    chart: str = ""
    values: str = ""


class EksSettings(Section):
    """Everything that `eks.toml` says; the reference is docs/eks.md."""

    account: str
    region: str
    profile: Annotated[str, Field(pattern=r"^[^\s\[\]]*$")] = ""
    cluster: EksClusterSettings
    network: NetworkSettings = NetworkSettings()
    storage: EksStorageSettings
    database: DatabaseSettings = DatabaseSettings()
    identity: IdentitySettings = IdentitySettings()
    repository: RepositorySettings
    images: EksImageSettings
    airflow: EksAirflowSettings = EksAirflowSettings()

    @field_validator("account")
    @classmethod
    def twelve_digits(cls, value: str) -> str:
        if not re.fullmatch(r"\d{12}", value):
            raise ValueError(f"account = {value!r}: an account id is 12 digits (aws sts get-caller-identity)")
        return value

    @field_validator("region")
    @classmethod
    def known_region(cls, value: str) -> str:
        if value not in regions.with_eks():
            raise ValueError(f"region = {value!r}: EKS is in no such region{regions.suggestion(value)}")
        return value

    @model_validator(mode="after")
    def consistent(self) -> EksSettings:
        boundary = self.identity.permissions_boundary
        found = BOUNDARY.fullmatch(boundary)
        if boundary and not found:
            raise ValueError(f"identity.permissions_boundary = {boundary!r}: must be the ARN of an IAM policy")
        if found and (found["partition"] != self.partition or found["account"] not in {self.account, "aws"}):
            raise ValueError(f"identity.permissions_boundary = {boundary!r}: not of account {self.account}")
        if self.cluster.mode == "existing" and self.network != NetworkSettings():
            raise ValueError('network is of new clusters: with cluster.mode = "existing" leave it out')
        return self

    @property
    def partition(self) -> str:
        return regions.partition(self.region)

    @property
    def cluster_arn(self) -> str:
        return f"arn:{self.partition}:eks:{self.region}:{self.account}:cluster/{self.cluster.name}"

    def role_name(self, identity: Identity) -> str:
        return identity.role(self.identity.role)

    def arn(self, kind: Literal["role", "policy"], identity: Identity) -> str:
        """Of an identity's role, or of its policy, which has the same name."""
        return f"arn:{self.partition}:iam::{self.account}:{kind}/{self.role_name(identity)}"


def load(file: Path) -> EksSettings:
    """The settings in `file`.

    Raises:
        SettingsError: there is no such file, or something in it is wrong; all errors are reported.
    """
    if not file.exists():
        raise SettingsError(f"there is no {file.name}", f"cp {SAMPLE} {file.name}, and fill it in (docs/eks.md)")
    layer: dict[str, Any] = read_file(file)
    try:
        return EksSettings.model_validate(layer, strict=True)
    except ValidationError as error:
        problems = [described(dict(problem), file.name) for problem in error.errors()]
    count = "a setting is wrong" if len(problems) == 1 else f"{len(problems)} settings are wrong"
    raise SettingsError(f"{count}: {'; '.join(problems)}", f"docs/eks.md and {SAMPLE} show every setting")


def described(problem: dict[str, Any], name: str) -> str:
    path = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"{name}: {path} is missing"
    if problem["type"] == "value_error":
        return f"{name}: {problem['ctx']['error']}"
    if path == "repository.url":  # whatever it is, it may hold a password
        return f"{name}: {path} must be a text"
    return describe(problem, lambda parts: f"{name}: {'.'.join(parts)}", EksSettings)
