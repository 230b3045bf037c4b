"""`lab secrets`: what is listed, what is refused, and in which order secrets are replaced so that nothing is lost."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from lab.config import Settings
from lab.engine.kind.instance import KindInstance
from lab.engine.kubernetes import airflow_phases, objects, release, rotation
from lab.engine.local import LocalEngine
from lab.errors import NotRunningError, ProgramError
from lab.paths import Paths
from lab.pins import lock_file
from lab.proc import Completed
from lab.secrets import FERNET, GENERATORS, LASTING, PURPOSES, Secrets, names_of
from lab.services import airflow
from tests.unit.conftest import Outcome

Lab = Callable[..., Outcome]
AIRFLOW = """#!/bin/sh
echo "$* $AIRFLOW__CORE__FERNET_KEY" >> '{folder}/calls'
[ ! -e '{folder}/fails' ] || {{ echo 'cannot decrypt' >&2; exit 1; }}
"""


@pytest.fixture
def secrets(checkout: Paths) -> Secrets:
    made = Secrets(checkout.secrets)
    made.ensure()
    return made


def values(secrets: Secrets) -> dict[str, str]:
    return {name: secrets[name] for name in GENERATORS}


def test_every_secret_says_what_it_does_and_is_of_an_engine() -> None:
    assert set(PURPOSES) == set(GENERATORS) == {*names_of("local"), *names_of("kind")}


@pytest.mark.parametrize("arguments", [("secrets",), ("secrets", "list"), ("secrets", "list", "--json")])
def test_the_list_names_each_secret_and_shows_no_value(
    lab: Lab, secrets: Secrets, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_ENGINE", "local")
    outcome = lab(*arguments)
    assert outcome.status == 0
    assert all(name in outcome.out for name in names_of("local"))
    assert "gitea" not in outcome.out
    assert not [name for name, value in values(secrets).items() if value in outcome.out + outcome.err]


@pytest.mark.parametrize("refused", [("local", "nosuch", 9), ("kind", "gitea-secret-key", 3)])
def test_what_cannot_be_replaced_is_refused(
    lab: Lab, secrets: Secrets, monkeypatch: pytest.MonkeyPatch, refused: tuple[str, str, int]
) -> None:
    before, (engine, name, status) = values(secrets), refused
    monkeypatch.setenv("LAB_ENGINE", engine)
    outcome = lab("secrets", "rotate", "git-password", name)
    assert outcome.status == status
    assert name in outcome.err
    assert values(secrets) == before


@pytest.fixture
def local(checkout: Paths, secrets: Secrets) -> LocalEngine:
    """A local lab that is down and has a database; its Airflow notes its arguments and its Fernet keys."""
    lock = checkout.source / lock_file("worker")
    for folder in (lock.parent, checkout.source / "lab" / "pipeline", checkout.airflow):
        folder.mkdir(parents=True)
    lock.touch()
    airflow.database_file(checkout).touch()
    program = checkout.program("airflow", "airflow")
    program.parent.mkdir(parents=True)
    program.write_text(AIRFLOW.format(folder=checkout.airflow), "utf-8")
    program.chmod(0o755)
    return LocalEngine(checkout, Settings(engine="local"))


def calls(engine: LocalEngine) -> list[str]:
    file = engine.paths.airflow / "calls"
    return file.read_text("utf-8").splitlines() if file.exists() else []


def no_note(_: str) -> None:
    pass


def test_only_what_is_named_gets_another_value(local: LocalEngine, secrets: Secrets) -> None:
    before = values(secrets)
    assert not local.rotate(["git-password"], no_note)
    assert [name for name, value in values(secrets).items() if value != before[name]] == ["git-password"]
    assert calls(local) == []


def test_airflow_encrypts_by_the_new_key_while_it_knows_the_old_one(local: LocalEngine, secrets: Secrets) -> None:
    old = secrets[FERNET]
    local.rotate(names_of("local"), no_note)
    new = secrets[FERNET]
    assert calls(local) == [f"rotate-fernet-key {new},{old}"]
    assert new != old
    assert len(base64.urlsafe_b64decode(new)) == 32


def test_a_rotation_that_failed_leaves_both_keys_and_continues_with_them(local: LocalEngine, secrets: Secrets) -> None:
    old = secrets[FERNET]
    (local.paths.airflow / "fails").touch()
    with pytest.raises(ProgramError, match="rotate-fernet-key"):
        local.rotate([FERNET], no_note)
    new, _, kept = secrets[FERNET].partition(",")
    assert kept == old
    (local.paths.airflow / "fails").unlink()
    local.rotate([FERNET], no_note)
    assert secrets[FERNET] == new
    assert calls(local)[0] == calls(local)[1]


def test_another_password_of_airflow_is_another_password_file(local: LocalEngine, secrets: Secrets) -> None:
    access = local.instance.access()
    before = airflow.passwords(access)
    local.rotate(["airflow-password"], no_note)
    assert json.loads(airflow.passwords(access)) == {"admin": secrets["airflow-password"]}
    assert airflow.passwords(access) != before


def test_a_lab_without_secrets_has_none_to_replace(checkout: Paths) -> None:
    with pytest.raises(NotRunningError, match="no secrets yet"):
        LocalEngine(checkout, Settings(engine="local")).rotate(["git-password"], no_note)
    assert not checkout.secrets.exists()


class Cluster:
    """Notes in which order the cluster is changed, and what the secrets were then; `stop_at` cuts it off there."""

    def __init__(self, secrets: Secrets, monkeypatch: pytest.MonkeyPatch) -> None:
        self.secrets = secrets
        self.done: list[str] = []
        self.said: list[str] = []
        self.known: list[dict[str, str]] = []
        self.stop_at = ""
        self.instance = KindInstance(Paths.of(), Settings(engine="kind"))
        monkeypatch.setattr(KindInstance, "require_up", lambda _: None)
        kube = "lab.engine.kubernetes.cluster.Cluster.kubectl"
        monkeypatch.setattr(kube, lambda _, *arguments, **options: self.kubectl(arguments, options))
        monkeypatch.setattr(objects, "apply", lambda _: self.note("apply"))
        monkeypatch.setattr("lab.engine.kubernetes.values.wanted", lambda _: None)
        monkeypatch.setattr(release, "install", lambda *_: self.note("helm"))
        monkeypatch.setattr(airflow_phases, "require_airflow", lambda _: self.note("rolled out"))

    def kubectl(self, arguments: tuple[str, ...], options: dict[str, Any]) -> Completed:
        self.note(" ".join(arguments), options.get("text") or "")
        return Completed(0, "", "")

    def note(self, what: str, text: str = "") -> None:
        if self.stop_at and self.stop_at in what:
            raise KeyboardInterrupt
        self.known.append(values(self.secrets))
        self.said.append(text)
        self.done.append(what)

    def position(self, word: str) -> int:
        (found,) = [number for number, line in enumerate(self.done) if word in line]
        return found


@pytest.fixture
def cluster(secrets: Secrets, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return Cluster(secrets, monkeypatch)


EVERYTHING = [name for name in names_of("kind") if name not in LASTING]


def test_the_database_has_a_password_before_the_secret_has_it(cluster: Cluster, secrets: Secrets) -> None:
    before = values(secrets)
    rotation.rotate(cluster.instance, ["postgres-airflow-password", "postgres-gitea-password"], no_note)
    at = cluster.position("psql")
    assert cluster.known[at] == before
    for role in ("airflow", "gitea"):
        assert f"ALTER ROLE {role} PASSWORD '{secrets[f'postgres-{role}-password']}';" in cluster.said[at]
        assert before[f"postgres-{role}-password"] not in cluster.said[at]
    assert "ALTER ROLE postgres" not in cluster.said[at]


def test_every_secret_of_kind_but_the_lasting_one_is_another(cluster: Cluster, secrets: Secrets) -> None:
    before = values(secrets)
    rotation.rotate(cluster.instance, EVERYTHING, no_note)
    assert {name for name, value in values(secrets).items() if value != before[name]} == set(EVERYTHING)


def test_no_value_is_an_argument(cluster: Cluster, secrets: Secrets) -> None:
    rotation.rotate(cluster.instance, EVERYTHING, no_note)
    assert not [value for value in values(secrets).values() if any(value in line for line in cluster.done)]


def test_all_of_airflow_knows_both_keys_while_its_connections_are_encrypted_again(
    cluster: Cluster, secrets: Secrets
) -> None:
    old = secrets[FERNET]
    rotation.rotate(cluster.instance, [FERNET], no_note)
    new = secrets[FERNET]
    assert [line.split()[-1] for line in cluster.done] == ["apply", "helm", "out", "rotate-fernet-key"]
    assert [known[FERNET] for known in cluster.known] == [f"{new},{old}"] * 4


@pytest.mark.parametrize("stop_at", ["apply", "helm", "rolled out", "rotate-fernet-key", "psql"])
def test_a_rotation_that_was_interrupted_continues_with_the_same_values(
    cluster: Cluster, secrets: Secrets, stop_at: str
) -> None:
    names = ["git-bot-password", "git-password", "postgres-airflow-password", "webhook-secret"]
    cluster.stop_at = stop_at
    with pytest.raises(KeyboardInterrupt):
        rotation.rotate(cluster.instance, [*names, FERNET], no_note)
    written = json.loads(rotation.pending_file(cluster.instance).read_text("utf-8"))
    key = secrets[FERNET].partition(",")[0]
    cluster.stop_at = ""
    rotation.rotate(cluster.instance, [], no_note)
    assert {name: secrets[name] for name in names} == {name: written[name] for name in names}
    assert "," not in secrets[FERNET]
    assert stop_at == "psql" or secrets[FERNET] == key  # before psql the first attempt has encrypted already
    assert not rotation.pending_file(cluster.instance).exists()
