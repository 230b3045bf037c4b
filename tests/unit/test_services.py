"""What the local engine runs: the same from every terminal, no secret in a command line."""

from __future__ import annotations

import json

import pytest

from lab.access import Access
from lab.config import Settings, TriggerSettings
from lab.engine.local import services
from lab.engine.local.supervisor import Program
from lab.pins import lock_file
from lab.secrets import GENERATORS
from lab.services import airflow
from lab.services.airflow import API_SERVER
from lab.services.storage import LOCALSTACK
from lab.services.triggers import TRIGGERS


@pytest.fixture(autouse=True)
def worker_sources(access: Access) -> None:
    """The checkout has what the worker's environment is made from: the steps get its digest."""
    lock = access.paths.source / lock_file("worker")
    for folder in (lock.parent, access.paths.source / "lab" / "pipeline"):
        folder.mkdir(parents=True, exist_ok=True)
    lock.touch()


def described(access: Access) -> list[Program]:
    return [services.program(name, access) for name in services.names()]


def test_a_lab_that_starts_no_run_on_a_push_has_no_service_for_it() -> None:
    off = Settings(triggers=TriggerSettings(on_push=False))
    assert set(services.names()) - set(services.names(off)) == {TRIGGERS}
    assert services.names(Settings()) == services.names()


@pytest.mark.parametrize("name", ["SHLVL", "PWD", "OLDPWD", "_", "TERM", "MAKEFLAGS", "MAKELEVEL", "SSH_TTY", "EDITOR"])
def test_a_service_is_the_same_from_every_terminal(access: Access, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a second `lab up` would restart what runs well."""
    before = described(access)
    monkeypatch.setenv(name, "another")
    assert described(access) == before


def test_a_service_sees_no_token_of_the_persons(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_TOKEN", "hers")
    assert all("hers" not in service.environment.values() for service in described(access))


def test_a_service_keeps_proxies_and_certificates(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.invalid:1")
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/company.pem")
    for service in described(access):
        assert service.environment["https_proxy"] == "http://proxy.invalid:1"
        assert service.environment["SSL_CERT_FILE"] == "/etc/company.pem"


def test_no_secret_stands_in_a_command_line_or_a_url(access: Access) -> None:
    secrets = [access.secrets[name] for name in GENERATORS]
    for service in described(access):
        assert not any(secret in " ".join(service.command) for secret in secrets)
        for value in service.environment.values():
            assert not ("://" in value and any(secret in value for secret in secrets))


def test_every_process_of_the_lab_can_be_known_by_its_home(access: Access) -> None:
    assert {service.environment["LAB_HOME"] for service in described(access)} == {str(access.paths.home)}


def test_everything_listens_on_loopback_only(access: Access) -> None:
    described_by_name = {service.name: service.environment for service in described(access)}
    assert described_by_name[LOCALSTACK]["GATEWAY_LISTEN"] == "127.0.0.1:2"
    assert described_by_name[API_SERVER]["AIRFLOW__API__HOST"] == "127.0.0.1"


def test_airflow_reads_dags_from_the_labs_repository(access: Access) -> None:
    environment = airflow.environment(access)
    (bundle,) = json.loads(environment["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
    assert bundle["kwargs"]["tracking_ref"] == "main"
    assert json.loads(environment["AIRFLOW_CONN_GIT_DEFAULT"])["host"] == access.repository_url
