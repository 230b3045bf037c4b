"""`eks.toml`: what it may say, and that all mistakes are reported together without a secret in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.engine.eks.settings import SAMPLE, EksSettings, load
from lab.engine.kubernetes.identities import DATA
from lab.errors import SettingsError
from lab.paths import SOURCE
from tests.unit.eks.conftest import TOML


def read(folder: Path, text: str) -> EksSettings:
    file = folder / "eks.toml"
    file.write_text(text, "utf-8")
    return load(file)


def test_the_sample_is_right_and_every_line_that_is_off_shows_the_default(tmp_path: Path) -> None:
    sample = (SOURCE / SAMPLE).read_text("utf-8")
    settings = read(tmp_path, sample)
    on = [line.removeprefix("# ") for line in sample.splitlines()[2:]]
    whole = "\n".join(line for line in on if not line.startswith(("vpc", "subnets")))
    assert read(tmp_path, whole) == settings


def test_names_follow_from_what_is_said(tmp_path: Path) -> None:
    settings = read(tmp_path, TOML.replace("eu-central-1", "cn-north-1"))
    assert settings.cluster_arn == "arn:aws-cn:eks:cn-north-1:123456789012:cluster/lab-one"
    assert settings.arn("role", DATA) == "arn:aws-cn:iam::123456789012:role/mlops-lab-dvc"
    assert settings.images.references()["worker"] == "registry.example.invalid/lab/worker:1"


WRONG = [
    ('"123456789012"', "123456789012", "account = 123456789012: must be a text"),
    ('"123456789012"', '"12345678901"', "account = '12345678901': an account id is 12 digits"),
    ("eu-central-1", "eu-central-9", "EKS is in no such region (did you mean eu-central-"),
    ('"lab-one"', '"lab-one"\nnode = 3', "cluster.node is not a known key (did you mean nodes?)"),
    ('"lab-one"', '"1-lab"', "cluster.name = '1-lab'"),
    ('"mlops-lab-test"', '"Lab"', "storage.bucket = 'Lab': 3 to 63 lower-case letters"),
    ('"mlops-lab-test"', '"192.168.1.1"', "no IP address"),
    ('"mlops-lab-test"', '"a..b"', "no two dots side by side"),
    ('"mlops-lab-test"', '"xn--lab"', "Amazon keeps for itself"),
    ('"mlops-lab-test"', '"lab--x-s3"', "Amazon keeps for itself"),
    ('"mlops-lab-test"', '"lab"\nvolume = "efs"', 'storage.volume = "efs" and storage.file_system go together'),
    ("https://git", "git@git", "repository.url"),
    ("https://git", "http://git", "must be https://host/path"),
    ("registry.example.invalid/lab", "https://registry.example.invalid", "images.registry"),
    ("registry.example.invalid/lab", "registry.example.invalid/lab:1", "images.registry"),
    ('tag = "1"', "", "images.tag is missing"),
    ('tag = "1"', 'tag = "a b"', "images.tag = 'a b'"),
    ("[storage]", "[identity]\npermissions_boundary = 'x'\n[storage]", "must be the ARN of an IAM policy"),
    (
        "[storage]",
        "[identity]\npermissions_boundary = 'arn:aws:iam::111122223333:policy/b'\n[storage]",
        "not of account 123456789012",
    ),
    (
        "[storage]",
        "[identity]\npermissions_boundary = 'arn:aws-cn:iam::123456789012:policy/b'\n[storage]",
        "not of account 123456789012",
    ),
    ("[storage]", "[network]\nvpc = 'vpc-01234567'\n[storage]", "network.vpc and network.subnets go together"),
    ("[storage]", "[network]\npublic_access = ['10.0.0.0/99']\n[storage]", "network.public_access = '10.0.0.0/99'"),
    ("[storage]", "[database]\ntls = 'disable'\n[storage]", "database.tls = 'disable'"),
    (
        "[storage]",
        "[database]\ntls = 'verify-full'\n[storage]",
        'database.tls = "verify-full" and database.certificates go together',
    ),
    ('"lab-one"', '"lab-one"\nmode = "existing"\n[network]\nendpoint = "public"', "network is of new clusters"),
]


@pytest.mark.parametrize(("before", "after", "expected"), WRONG, ids=[case[2][:40] for case in WRONG])
def test_a_mistake_is_reported_with_its_place(tmp_path: Path, before: str, after: str, expected: str) -> None:
    with pytest.raises(SettingsError) as error:
        read(tmp_path, TOML.replace(before, after))
    assert error.value.message.startswith("a setting is wrong: eks.toml: ")
    assert expected in error.value.message
    assert error.value.exit_code == 3


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    text = TOML.replace("123456789012", "1").replace("eu-central-1", "moon-1").replace("mlops-lab-test", "X")
    with pytest.raises(SettingsError, match="3 settings are wrong"):
        read(tmp_path, text)


@pytest.mark.parametrize("url", ["https://ada:topsecret@git.example.com/a.git", "https://topsecret@git.example.com/a"])
def test_credentials_in_the_repositorys_url_are_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError) as error:
        read(tmp_path, TOML.replace("https://git.example.invalid/team/mlops.git", url))
    assert "GITSYNC_USERNAME" in error.value.message
    assert "topsecret" not in error.value.message


def test_where_there_is_no_file_the_sample_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        load(tmp_path / "eks.toml")
    assert SAMPLE in error.value.hint
