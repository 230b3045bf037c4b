"""What the kind engine adds to the manifests: references, URLs, secrets, and what it writes to disk."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab import services
from lab.access import GIT_BOT, LoopbackAccess
from lab.config import AirflowSettings, Settings, TriggerSettings
from lab.engine.airflow_values import shipped_files
from lab.engine.kind import cluster, cluster_phases
from lab.engine.kind.instance import KindInstance
from lab.engine.kubernetes import inside, manifests, programs, values
from lab.engine.kubernetes.policy import log_permissions, permissions
from lab.helm_values import ValuesFile
from lab.paths import SOURCE, Paths
from lab.pod_identity.associations import parse
from lab.secrets import GENERATORS, Secrets
from tests.unit.kind_manifests import IMAGES, configuration_digests


@pytest.fixture
def access(tmp_path: Path) -> LoopbackAccess:
    paths = Paths.of(tmp_path)
    Secrets(paths.secrets).ensure()
    return LoopbackAccess(paths, Settings(), services.default_urls())


@pytest.mark.parametrize(
    ("reference", "fields"),
    [
        ("lab/postgres:12ab", {"newName": "lab/postgres", "newTag": "12ab"}),
        ("host:5000/lab/postgres:12ab", {"newName": "host:5000/lab/postgres", "newTag": "12ab"}),
        ("host:5000/lab/postgres", {"newName": "host:5000/lab/postgres", "newTag": "latest"}),
        ("docker.io/postgres@sha256:00", {"newName": "docker.io/postgres", "digest": "sha256:00"}),
    ],
)
def test_a_reference_is_taken_apart_at_the_right_colon(reference: str, fields: dict[str, str]) -> None:
    assert manifests.image_fields(reference) == fields


def test_the_kustomization_points_to_the_overlay_by_a_relative_path(access: LoopbackAccess) -> None:
    folder = access.paths.run / "kind"
    resource, of_services = json.loads(manifests.rendered(access, IMAGES, folder)["kustomization.yaml"])["resources"]
    assert not os.path.isabs(resource)  # noqa: PTH117 - a text, not a path of this machine
    assert (folder / resource).resolve() == access.paths.source / "k8s" / "overlays" / "local"
    assert of_services in manifests.rendered(access, IMAGES, folder)


def test_no_secret_is_written_outside_of_the_secrets(shipped: LoopbackAccess) -> None:
    folder = shipped.paths.run / "kind"
    texts = [file.text for file in values.values_files(shipped, IMAGES, folder, migrated=True) if file.generated]
    texts += manifests.rendered(shipped, IMAGES, folder).values()
    assert len(texts) == 3
    for text in texts:
        assert [name for name in GENERATORS if shipped.secrets[name] in text] == []


def made(access: LoopbackAccess) -> dict[tuple[str, str], dict[str, Any]]:
    items = json.loads(manifests.secret_objects(access, IMAGES["worker"]))["items"]
    return {(item["metadata"].get("namespace", ""), item["metadata"]["name"]): item for item in items}


def test_objects_come_after_their_namespaces(access: LoopbackAccess) -> None:
    items = json.loads(manifests.secret_objects(access, IMAGES["worker"]))["items"]
    assert [item["kind"] for item in items[:2]] == ["Namespace", "Namespace"]
    assert {item["kind"] for item in items[2:]} == {"ConfigMap", "Secret"}


def test_both_sides_of_each_login_have_the_same_password(access: LoopbackAccess) -> None:
    objects = made(access)
    git = objects["airflow", "git-credentials"]["stringData"]
    assert git["GITSYNC_PASSWORD"] == git["GIT_SYNC_PASSWORD"]
    assert (git["GITSYNC_USERNAME"], git["GITSYNC_PASSWORD"]) == (GIT_BOT, access.secrets["git-bot-password"])
    database = objects["platform", "postgres-password"]["stringData"]["airflow-password"]
    assert f":{database}@postgres.platform:5432/" in objects["airflow", "airflow-metadata"]["stringData"]["connection"]


def test_only_gitea_has_the_password_of_its_administrator(access: LoopbackAccess) -> None:
    password = access.secrets["git-password"]
    assert {place for place, each in made(access).items() if password in json.dumps(each)} == {("platform", "gitea")}


def test_the_environment_of_the_pipeline_holds_no_secret(access: LoopbackAccess) -> None:
    text = json.dumps(inside.pipeline_environment(access, IMAGES["worker"]))
    assert [name for name in GENERATORS if access.secrets[name] in text] == []


def test_git_in_a_pod_goes_to_gitea_where_the_browser_goes_to_loopback(access: LoopbackAccess) -> None:
    variables = inside.pipeline_environment(access, IMAGES["worker"])
    url = variables["PIPELINE_REPOSITORY"]
    assert url == access.repository_url
    asked = subprocess.run(["git", "ls-remote", "--get-url", url], env={**os.environ, **variables},
                           capture_output=True, text=True, check=True)  # fmt: skip
    assert asked.stdout == "http://gitea.platform:3000/lab/mlops.git\n"


def test_another_environment_makes_other_pods(access: LoopbackAccess) -> None:
    def annotation(of: LoopbackAccess, **images: str) -> str:
        return str(values.engine_values(of, {**IMAGES, **images}, migrated=True)["airflowPodAnnotations"])

    other = replace(access, urls={**access.urls, "git": "http://127.0.0.1:3002"})
    assert len({annotation(access), annotation(other), annotation(access, worker="another:1")}) == 3


def test_a_persons_own_values_come_last(access: LoopbackAccess) -> None:
    access.paths.source.mkdir(exist_ok=True)
    (access.paths.source / "k8s").symlink_to(SOURCE / "k8s")
    before = values.values_files(access, IMAGES, access.paths.run, migrated=True)
    own = access.paths.source / "helm-values.yaml"
    own.write_text("a: 1\n", "utf-8")
    assert values.values_files(access, IMAGES, access.paths.run, migrated=True) == [*before, ValuesFile(own, "a: 1\n")]


@pytest.mark.parametrize("place", ["local", "eks"])
@pytest.mark.parametrize("dags", ["bundle", "gitsync"])
def test_every_values_file_of_the_checkout_is_there(place: str, dags: str) -> None:
    assert [file for file in shipped_files(SOURCE, place, dags) if not file.is_file()] == []


def test_settings_reach_the_values(access: LoopbackAccess) -> None:
    settings = Settings(airflow=AirflowSettings(parallelism=7, refresh_seconds=9))
    changed = replace(access, settings=settings)
    config = values.engine_values(changed, IMAGES, migrated=True)["config"]
    assert config["core"]["parallelism"] == 7
    assert config["dag_processor"]["refresh_interval"] == 9


def test_data_folders_are_made_and_kept(tmp_path: Path) -> None:
    manifests.make_data_folders(tmp_path)
    (tmp_path / "s3" / "object").touch()
    manifests.make_data_folders(tmp_path)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["gitea", "postgres", "s3", "shared"]
    assert (tmp_path / "s3" / "object").exists()


@pytest.fixture
def shipped(access: LoopbackAccess) -> LoopbackAccess:
    """A lab of this checkout, with the overlay of the repository."""
    return replace(access, paths=Paths(SOURCE, access.paths.home))


def test_a_workload_that_the_lab_leaves_out_has_no_patch(shipped: LoopbackAccess) -> None:
    settings = Settings(triggers=TriggerSettings(on_push=False))
    without = replace(shipped, settings=settings)
    assert set(configuration_digests(shipped)) - set(configuration_digests(without)) == {"triggers"}


def test_the_setting_of_steps_reaches_every_airflow_and_starts_other_pods(shipped: LoopbackAccess) -> None:
    settings = Settings(airflow=AirflowSettings(steps="kubernetes-executor"))
    other = replace(shipped, settings=settings)
    made = [inside.pipeline_environment(each, IMAGES["worker"])["PIPELINE_STEPS"] for each in (shipped, other)]
    assert made == ["local-executor", "kubernetes-executor"]
    digests = [values.engine_values(each, IMAGES, migrated=True)["airflowPodAnnotations"] for each in (shipped, other)]
    assert digests[0] != digests[1]


def test_a_cluster_that_an_earlier_version_made_gets_the_secrets_that_came_later(
    access: LoopbackAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    access.paths.source.mkdir(exist_ok=True)
    instance = KindInstance(access.paths, access.settings)
    for name in ("container", "is_ready", "ensure"):
        monkeypatch.setattr(cluster if name != "container" else KindInstance, name, lambda *_: True)
    monkeypatch.setattr(programs, "link", lambda _: None)
    phase = cluster_phases.node(instance)
    assert phase.done()
    access.secrets.file("sts-session-key").unlink()
    kept = access.secrets["aws-secret-access-key"]
    assert not phase.done()
    phase.apply(lambda _: None)
    assert phase.done()
    assert access.secrets["sts-session-key"]
    assert access.secrets["aws-secret-access-key"] == kept


def test_each_key_of_aws_is_another_and_only_localstack_has_all(access: LoopbackAccess) -> None:
    objects = made(access)
    known = objects["platform", "localstack"]["stringData"]
    assert len(set(known.values())) == len(known) == 5
    agents = {known[f"LAB_S3_AGENT_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")}
    others = json.dumps([item for place, item in objects.items() if place != ("platform", "localstack")])
    assert all(key in others for key in agents)
    for name in ("LAB_S3_ACCESS_KEY_ID", "LAB_S3_SECRET_ACCESS_KEY", "LAB_S3_SESSION_KEY"):
        assert known[name] not in others


def test_each_role_has_the_policy_that_it_has_on_eks(access: LoopbackAccess) -> None:
    roles = json.loads(made(access)["platform", "localstack-roles"]["data"]["roles.json"])
    storage = access.settings.storage
    role = "arn:aws:iam::000000000000:role/mlops-lab-dvc"
    data, logs = permissions(storage.bucket, prefix=storage.prefix), log_permissions(storage.bucket)
    assert roles == {role: data, f"{role}-logs": logs}
    associations = made(access)["kube-system", "pod-identity-associations"]["data"]["associations.yaml"]
    assert set(parse(associations).values()) == set(roles)
