"""Airflow as its chart makes it from our values, in both places and with both ways of DAG delivery."""

from __future__ import annotations

import configparser
import json

import pytest

from lab.access import Access
from lab.airflow import CLUSTER_POLICY, PLUGINS
from lab.config import AirflowSettings
from lab.engine.airflow_values import scheduler_memory
from lab.engine.kubernetes.identities import DATA, LOGS
from lab.secrets import GENERATORS
from tests.render.conftest import IMAGES, Object, Render, containers, find, pods, secrets_used

PLACES = [(place, dags) for place in ("local", "eks") for dags in ("bundle", "gitsync")]


@pytest.fixture(params=PLACES, ids="-".join)
def rendered(request: pytest.FixtureRequest, airflow: Render) -> list[Object]:
    return airflow(*request.param)


def settings(rendered: list[Object]) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(find(rendered, "ConfigMap", "airflow-config")["data"]["airflow.cfg"])
    return parser


def worker(rendered: list[Object]) -> Object:
    return dict(pods(rendered))["worker"]


def variables(container: Object) -> dict[str, Object]:
    return {variable["name"]: variable for variable in container["env"]}


def test_only_what_the_lab_needs_runs(rendered: list[Object]) -> None:
    found = {o["metadata"]["name"] for o in rendered if o["kind"] in {"Deployment", "StatefulSet", "CronJob"}}
    assert found == {"airflow-api-server", "airflow-scheduler", "airflow-dag-processor"}


def test_every_image_is_the_labs(rendered: list[Object]) -> None:
    assert {container["image"] for _, container in containers(rendered)} <= {IMAGES["airflow"], IMAGES["gitsync"]}


def test_every_container_has_a_share_of_memory_and_a_limit(rendered: list[Object]) -> None:
    for name, container in containers(rendered):
        if "migrat" not in name:
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
            assert "memory" in container["resources"]["limits"], name


def test_no_container_runs_as_root_or_can_become_it(rendered: list[Object]) -> None:
    for name, pod in pods(rendered):
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", name
    for name, container in containers(rendered):
        assert container["securityContext"]["allowPrivilegeEscalation"] is False, name
        assert container["securityContext"]["capabilities"]["drop"] == ["ALL"], name


def test_no_secret_is_rendered(rendered: list[Object], access: Access) -> None:
    assert [o["metadata"]["name"] for o in rendered if o["kind"] == "Secret"] == []
    text = json.dumps(rendered)
    assert [name for name in GENERATORS if access.secrets[name] in text] == []


def test_what_is_secret_comes_from_a_secret(rendered: list[Object]) -> None:
    secret = {"CORE__FERNET_KEY", "DATABASE__SQL_ALCHEMY_CONN", "API__SECRET_KEY", "API_AUTH__JWT_SECRET"}
    for name, container in containers(rendered):
        for variable, stands in variables(container).items():
            if variable.removeprefix("AIRFLOW__") in secret or "PASSWORD" in variable:
                assert "secretKeyRef" in stands.get("valueFrom", {}), f"{name}: {variable}"


def test_every_secret_that_a_pod_needs_is_made(rendered: list[Object], secrets: list[Object]) -> None:
    made = {o["metadata"]["name"]: o["stringData"] for o in secrets
            if o["kind"] == "Secret" and o["metadata"]["namespace"] == "airflow"}  # fmt: skip
    for name, key in secrets_used(rendered):
        assert name in made
        assert key is None or key in made[name], f"{name}: {key}"


def test_launchers_have_no_data_and_steps_no_rights(rendered: list[Object]) -> None:
    """Which accounts may launch pods or read their logs; each has the role for task logs."""
    assert settings(rendered)["core"]["executor"] == "KubernetesExecutor,LocalExecutor"
    assert worker(rendered)["serviceAccountName"] == "airflow-worker"
    bound = {
        binding["roleRef"]["name"]: {subject["name"] for subject in binding["subjects"]}
        for binding in rendered
        if binding["kind"] in {"RoleBinding", "ClusterRoleBinding"}
    }
    assert bound == {
        "airflow-pod-launcher-role": {"airflow-scheduler", "airflow-worker"},
        "airflow-pod-log-reader-role": {"airflow-api-server"},
    }
    assert set().union(*bound.values()) == set(LOGS.accounts)
    accounts = {o["metadata"]["name"]: o for o in rendered if o["kind"] == "ServiceAccount"}
    assert not set(DATA.accounts) & set(accounts)  # the overlays'
    assert accounts["airflow-dag-processor"]["automountServiceAccountToken"] is False


def test_every_airflow_has_the_policy(rendered: list[Object]) -> None:
    policy = CLUSTER_POLICY.read_text("utf-8")
    assert find(rendered, "ConfigMap", "airflow-config")["data"]["airflow_local_settings.py"].strip() == policy.strip()
    for name, container in containers(rendered):
        if container["image"] == IMAGES["airflow"]:
            mounted = [mount.get("subPath") for mount in container["volumeMounts"]]
            assert "airflow_local_settings.py" in mounted, name


def test_the_api_server_has_the_plugin_that_refuses_other_origins(rendered: list[Object]) -> None:
    text = (PLUGINS / "same_origin.py").read_text("utf-8")
    assert find(rendered, "ConfigMap", "airflow-plugins")["data"]["same_origin.py"].strip() == text.strip()
    container = dict(containers(rendered))["Deployment airflow-api-server, api-server"]
    assert "/opt/airflow/plugins/same_origin.py" in [mount["mountPath"] for mount in container["volumeMounts"]]


def test_the_scheduler_has_memory_for_the_tasks_that_it_runs(rendered: list[Object]) -> None:
    container = dict(containers(rendered))["Deployment airflow-scheduler, scheduler"]
    assert container["resources"]["limits"]["memory"] == f"{scheduler_memory(AirflowSettings().parallelism)}Mi"


def test_every_airflow_knows_the_place_and_its_credentials(rendered: list[Object]) -> None:
    for name, container in containers(rendered):
        if container["image"] == IMAGES["airflow"] and "migrat" not in name:
            names = [next(iter(source.values()))["name"] for source in container["envFrom"]]
            assert names == ["pipeline-environment", "git-credentials"], name
            assert variables(container)["AIRFLOW_CONN_AWS_DEFAULT"]["value"] == "aws://", name


def test_the_git_connection_has_no_password(rendered: list[Object], access: Access) -> None:
    connection = json.loads(variables(worker(rendered)["containers"][0])["AIRFLOW_CONN_GIT_DEFAULT"]["value"])
    assert connection == {"conn_type": "git", "host": access.repository_url}


def test_task_logs_go_to_the_bucket(rendered: list[Object]) -> None:
    logging = settings(rendered)["logging"]
    assert (logging["remote_logging"], logging["remote_log_conn_id"]) == ("True", "aws_default")
    assert logging["remote_base_log_folder"] == "s3://mlops-lab/logs"


def test_people_sign_in_with_the_generated_password(rendered: list[Object]) -> None:
    core = settings(rendered)["core"]
    assert core["auth_manager"].endswith(".SimpleAuthManager")
    (server,) = find(rendered, "Deployment", "airflow-api-server")["spec"]["template"]["spec"]["containers"]
    (login,) = [mount for mount in server["volumeMounts"] if mount["name"] == "login"]
    assert f"{login['mountPath']}/passwords.json {core['simple_auth_manager_passwords_file']}" in server["args"][-1]


@pytest.mark.parametrize("place", ["local", "eks"])
def test_a_bundle_is_a_versioned_clone_of_the_repository(airflow: Render, place: str) -> None:
    rendered = airflow(place, "bundle")
    (bundle,) = json.loads(settings(rendered)["dag_processor"]["dag_bundle_config_list"])
    assert bundle["classpath"].endswith(".GitDagBundle")
    assert bundle["kwargs"] == {"git_conn_id": "git_default", "tracking_ref": "main", "subdir": "dags"}
    assert not [name for name, _ in containers(rendered) if "git-sync" in name]
    (processor,) = find(rendered, "Deployment", "airflow-dag-processor")["spec"]["template"]["spec"]["containers"]
    assert 'git ls-remote --exit-code "$PIPELINE_REPOSITORY"' in processor["args"][-1]  # not before there are DAGs


@pytest.mark.parametrize("place", ["local", "eks"])
def test_gitsync_brings_the_dags_to_who_reads_them(airflow: Render, place: str) -> None:
    rendered = airflow(place, "gitsync")
    (bundle,) = json.loads(settings(rendered)["dag_processor"]["dag_bundle_config_list"])
    assert bundle["classpath"].endswith(".LocalDagBundle")
    assert settings(rendered)["core"]["dags_folder"].endswith("/repo/dags")
    syncing = dict(containers(rendered))
    for name in ("Deployment airflow-dag-processor, git-sync", "worker, git-sync-init"):
        found = variables(syncing[name])
        assert found["GITSYNC_REPO"]["value"].endswith("/lab/mlops.git")
        assert (found["GITSYNC_PERIOD"]["value"], found["GITSYNC_REF"]["value"]) == ("60s", "main")
        assert found["GITSYNC_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"] == "git-credentials"


def test_on_a_laptop_nothing_waits_longer_than_it_must(airflow: Render) -> None:
    rendered = airflow("local", "bundle")
    assert [o["metadata"]["name"] for o in rendered if o["kind"] == "Job"] == []
    for name, pod in pods(rendered):
        assert not pod.get("initContainers"), name
    for name in ("airflow-api-server", "airflow-scheduler"):
        (container,) = find(rendered, "Deployment", name)["spec"]["template"]["spec"]["containers"]
        probe = container["startupProbe"]
        assert probe["periodSeconds"] == 1
        assert probe["failureThreshold"] * probe["periodSeconds"] >= 300
    assert find(rendered, "Service", "airflow-api-server")["spec"]["ports"][0]["nodePort"] == 30080


def test_a_database_without_tables_is_migrated_and_waited_for(airflow: Render) -> None:
    rendered = airflow("local", "bundle", migrated=False)
    assert find(rendered, "Job", "airflow-run-airflow-migrations")
    for name in ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor"):
        (waiting,) = find(rendered, "Deployment", name)["spec"]["template"]["spec"]["initContainers"]
        assert waiting["name"] == "wait-for-airflow-migrations"


def test_on_eks_the_api_server_is_not_reachable_from_outside(airflow: Render) -> None:
    assert find(airflow("eks", "bundle"), "Service", "airflow-api-server")["spec"]["type"] == "ClusterIP"
