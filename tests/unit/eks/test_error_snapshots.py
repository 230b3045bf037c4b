"""The errors of `lab eks` that users meet first: the whole output and the exit status."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from lab.paths import SOURCE
from tests.unit.conftest import Outcome
from tests.unit.eks.conftest import GIT, NETWORK, TOML, Amazon
from tests.unit.eks.service import ACCOUNT
from tests.unit.eks.test_refusals import refuse
from tests.unit.snapshots import assert_snapshot

Lab = Callable[..., Outcome]
FILES = {
    "eks-unknown-key": TOML.replace('name = "lab-one"', 'name = "lab-one"\nnode = 3'),
    "eks-no-account": TOML.replace(f'account = "{ACCOUNT}"\n', ""),
    "eks-wrong-region": TOML.replace("eu-central-1", "eu-centrl-1"),
    "eks-no-network": TOML + NETWORK.replace("203.0.113.0/24", "0.0.0.0/33"),
    "eks-other-account": TOML.replace(ACCOUNT, "111122223333"),
}
CALLS = {
    "eks-resource-unknown": "lab eks up --until nosuch",
    "eks-down-unsure": "lab eks down --cluster another",
    "eks-file-missing": "lab eks plan --file nosuch.toml",
}
REFUSALS = {
    "eks-credentials-expired": ("get_caller_identity", "ExpiredToken"),
    "eks-action-not-allowed": ("create_role", "AccessDenied"),
}


def check(lab: Lab, amazon: Amazon, folder: Path, name: str, command: str) -> None:
    """Without the notes of phases, which run in parallel."""
    outcome = lab(*shlex.split(command.removeprefix("lab ")))
    names = {str(amazon.checkout.source): "<checkout>", str(folder): "<folder>", str(SOURCE): "<source>"}
    assert outcome.out == ""
    assert_snapshot(name, command, outcome.status, outcome.err[outcome.err.index("error:") :], names)


@pytest.mark.parametrize("name", FILES)
def test_snapshot_of_a_wrong_eks_toml(amazon: Amazon, lab: Lab, tmp_path: Path, name: str) -> None:
    amazon.settings(FILES[name])
    check(lab, amazon, tmp_path, name, "lab eks up")


@pytest.mark.parametrize("name", CALLS)
def test_snapshot_of_a_wrong_call(amazon: Amazon, lab: Lab, tmp_path: Path, name: str) -> None:
    check(lab, amazon, tmp_path, name, CALLS[name])


@pytest.mark.parametrize("name", REFUSALS)
def test_snapshot_of_a_refusal_of_aws(
    amazon: Amazon, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    method, code = REFUSALS[name]
    refuse(monkeypatch, method, ClientError({"Error": {"Code": code, "Message": "…"}}, "Operation"))
    check(lab, amazon, tmp_path, name, "lab eks up")


def test_snapshot_of_a_missing_secret(
    amazon: Amazon, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in GIT:
        monkeypatch.delenv(variable)
    check(lab, amazon, tmp_path, "eks-secret-missing", "lab eks up")
