"""What LocalStack allows credentials of a role: policies as the IAM user guide defines them."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any

import pytest

from lab.engine.kubernetes.policy import permissions
from lab.paths import SOURCE

FILE = SOURCE / "localstack/init/lab_hooks/signed_requests/roles.py"
ARN = "arn:aws:s3:::data.bucket"


def load() -> ModuleType:
    """The module alone: the package around it needs LocalStack."""
    spec = importlib.util.spec_from_file_location("lab_hooks_roles", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


ROLES = load()


def permits(document: dict[str, Any], action: str, resource: str, **values: str) -> bool:
    spelt = {name.replace("__", ":").replace("_slash_", "/"): value for name, value in values.items()}
    return bool(ROLES.permits(document, ROLES.Question(action, resource, spelt)))


def allow(**further: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{ARN}/dvc/*", **further}


@pytest.mark.parametrize(
    ("statement", "action", "resource", "expected"),
    [
        (allow(), "s3:GetObject", f"{ARN}/dvc/a/b", True),
        (allow(), "s3:GetObject", f"{ARN}/dvc/line\nbreak", True),
        (allow(), "s3:GetObject", f"{ARN}/other", False),
        (allow(), "s3:PutObject", f"{ARN}/dvc/a", False),
        (allow(), "s3:GetObject", f"{ARN.replace('.', 'x')}/dvc/a", False),
        (allow(Action="S3:getobject"), "s3:GetObject", f"{ARN}/dvc/a", True),
        (allow(Action=["s3:Put*", "s3:Get?bject"]), "s3:GetObject", f"{ARN}/dvc/a", True),
        (allow(Resource=f"{ARN}/dvc/[a]"), "s3:GetObject", f"{ARN}/dvc/a", False),
        ({"Effect": "Allow", "NotAction": "s3:Delete*", "Resource": "*"}, "s3:GetObject", f"{ARN}/x", True),
        ({"Effect": "Allow", "NotAction": "s3:Delete*", "Resource": "*"}, "s3:DeleteObject", f"{ARN}/x", False),
        ({"Effect": "Allow", "Action": "s3:*", "NotResource": f"{ARN}/x"}, "s3:GetObject", f"{ARN}/x", False),
        ({"Effect": "Allow", "Action": "s3:*", "NotResource": f"{ARN}/x"}, "s3:GetObject", f"{ARN}/y", True),
        ({"Effect": "Allow", "Action": "s3:*"}, "s3:GetObject", f"{ARN}/x", False),
        ({"Action": "s3:*", "Resource": "*"}, "s3:GetObject", f"{ARN}/x", False),
    ],
)
def test_a_statement_says_what_it_is_about(
    statement: dict[str, Any], action: str, resource: str, expected: bool
) -> None:
    for statements in (statement, [statement]):
        assert permits({"Statement": statements}, action, resource) is expected


def test_what_is_denied_is_denied_whatever_allows_it() -> None:
    denied = {"Effect": "Deny", "Action": "s3:*", "Resource": f"{ARN}/dvc/secret"}
    document = {"Statement": [allow(), denied]}
    assert permits(document, "s3:GetObject", f"{ARN}/dvc/a")
    assert not permits(document, "s3:GetObject", f"{ARN}/dvc/secret")


def test_a_condition_holds_for_the_values_of_the_request() -> None:
    condition = {"StringLike": {"s3:prefix": ["dvc/*"]}, "StringEquals": {"aws:PrincipalTag/team": "a"}}
    document = {"Statement": allow(Action="s3:ListBucket", Resource=ARN, Condition=condition)}
    tag = {"aws__PrincipalTag_slash_team": "a"}
    assert permits(document, "s3:ListBucket", ARN, s3__prefix="dvc/x", **tag)
    assert not permits(document, "s3:ListBucket", ARN, s3__prefix="other", **tag)
    assert not permits(document, "s3:ListBucket", ARN, **tag)
    assert not permits(document, "s3:ListBucket", ARN, s3__prefix="dvc/x")


def test_a_condition_that_is_not_known_never_allows_and_never_lifts_a_denial() -> None:
    condition = {"IpAddress": {"aws:SourceIp": "127.0.0.1"}}
    denied = {**allow(Condition=condition), "Effect": "Deny"}
    assert not permits({"Statement": allow(Condition=condition)}, "s3:GetObject", f"{ARN}/dvc/a")
    assert not permits({"Statement": [allow(), denied]}, "s3:GetObject", f"{ARN}/dvc/a")


def test_the_policy_of_the_role_on_eks_uses_nothing_that_is_not_known_here() -> None:
    document = permissions("data.bucket")
    assert permits(document, "s3:PutObject", f"{ARN}/dvc/files/md5/00/11")
    assert permits(document, "s3:ListBucket", ARN, s3__prefix="logs/x")
    assert not permits(document, "s3:DeleteObject", f"{ARN}/logs/x")
