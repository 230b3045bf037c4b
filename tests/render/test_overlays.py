"""The manifests of both overlays: what DAGs rely on, and the services that run beside Airflow on a laptop."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lab.access import LoopbackAccess
from lab.config import Settings, TriggerSettings
from lab.engine.kubernetes import inside, manifests
from lab.engine.kubernetes import overlay as overlay_reader
from lab.engine.kubernetes.objects import write
from lab.parity.render import kustomize
from lab.pod_identity.associations import FILE, parse
from lab.secrets import GENERATORS
from lab.services import storage
from tests.render.conftest import IMAGES, Object, Render, containers, find, pods, program, secrets_used

EXPECTED_PORTS = {"gitea": (3000, 30300), "localstack": (4566, 30566), "postgres": (5432, None)}


@pytest.fixture
def local(overlay: Render) -> list[Object]:
    return overlay("local")


@pytest.mark.parametrize(("place", "storage"), [("local", ""), ("eks", "mlops-lab-gp3")])
def test_every_place_has_what_the_dags_expect(overlay: Render, place: str, storage: str) -> None:
    rendered = overlay(place)
    assert find(rendered, "ServiceAccount", "airflow-dvc-sa")["metadata"]["namespace"] == "airflow"
    claim = find(rendered, "PersistentVolumeClaim", "airflow-shared-pvc")
    assert claim["metadata"]["namespace"] == "airflow"
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi"
    assert claim["spec"]["storageClassName"] == storage


def test_eks_has_its_storage_and_nothing_of_the_platform(overlay: Render) -> None:
    rendered = overlay("eks")
    storage = find(rendered, "StorageClass", "mlops-lab-gp3")
    assert (storage["provisioner"], storage["parameters"]["type"]) == ("ebs.csi.aws.com", "gp3")
    assert list(pods(rendered)) == []


def test_the_overlay_has_the_images_that_the_engine_names(local: list[Object]) -> None:
    expected = {IMAGES[name] for name in (*EXPECTED_PORTS, "worker")}
    assert {container["image"] for _, container in containers(local)} == expected


def test_every_program_is_restricted_and_has_its_share(local: list[Object]) -> None:
    for name, pod in pods(local):
        context = pod["securityContext"]
        assert context["runAsNonRoot"], name
        assert context["seccompProfile"]["type"] == "RuntimeDefault", name
        assert pod["serviceAccountName"] == ("triggers" if "triggers" in name else "platform"), name
    for name, container in containers(local):
        context = {**container["securityContext"]}
        assert context.pop("readOnlyRootFilesystem", "triggers" not in name), name
        assert context == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}, name
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
        assert "memory" in container["resources"]["limits"], name
    for name in ("platform", "triggers"):
        assert find(local, "ServiceAccount", name)["automountServiceAccountToken"] is False


def test_every_program_is_asked_each_second_until_it_is_up(local: list[Object]) -> None:
    for name, container in containers(local):
        assert container["startupProbe"]["periodSeconds"] == 1, name
        assert container["startupProbe"]["failureThreshold"] >= 120, name
        assert {"readinessProbe", "livenessProbe"} <= container.keys(), name


def test_no_variable_of_a_service_reaches_a_program(local: list[Object]) -> None:
    """Kubernetes would add GITEA_PORT and the like, which programs take for their settings."""
    assert [name for name, pod in pods(local) if pod.get("enableServiceLinks") is not False] == []


def test_two_never_write_to_one_volume(local: list[Object]) -> None:
    deployments = [o for o in local if o["kind"] == "Deployment"]
    assert [o["spec"]["strategy"]["type"] for o in deployments] == ["Recreate"] * len(deployments)


@pytest.mark.parametrize(("name", "expected"), EXPECTED_PORTS.items())
def test_services_are_where_the_cluster_and_the_person_look(
    local: list[Object], name: str, expected: tuple[int, int | None]
) -> None:
    service = find(local, "Service", name)
    (port,) = service["spec"]["ports"]
    assert service["metadata"]["namespace"] == "platform"
    assert (port["port"], port.get("nodePort")) == expected


def test_data_lies_in_the_folders_that_outlive_the_cluster(local: list[Object]) -> None:
    volumes = {o["metadata"]["name"]: o["spec"] for o in local if o["kind"] == "PersistentVolume"}
    claims = {(o["metadata"]["namespace"], o["metadata"]["name"]): o["spec"] for o in local
              if o["kind"] == "PersistentVolumeClaim"}  # fmt: skip
    assert {spec["local"]["path"] for spec in volumes.values()} == {
        f"/lab/data/{name}" for name in overlay_reader.data_folders()
    }
    for name, spec in volumes.items():
        claim = claims.pop((spec["claimRef"]["namespace"], spec["claimRef"]["name"]))
        assert claim["volumeName"] == name
        assert claim["storageClassName"] == spec["storageClassName"] == ""
        assert spec["persistentVolumeReclaimPolicy"] == "Retain"
    assert claims == {}


def test_gitea_shows_people_the_url_that_works_for_them(local: list[Object], access: LoopbackAccess) -> None:
    (container,) = find(local, "Deployment", "gitea")["spec"]["template"]["spec"]["containers"]
    values = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert values["GITEA__server__ROOT_URL"] == f"{access.url('git')}/"
    assert values["GITEA__database__HOST"] == "postgres.platform:5432"


def test_no_secret_stands_in_the_manifests(local: list[Object], access: LoopbackAccess) -> None:
    assert [o for o in local if o["kind"] == "Secret"] == []
    text = json.dumps(local)
    assert [name for name in GENERATORS if access.secrets[name] in text] == []


def test_every_secret_that_a_pod_needs_is_made(local: list[Object], secrets: list[Object]) -> None:
    made = {o["metadata"]["name"]: o["stringData"] for o in secrets if o["kind"] == "Secret"}
    for name, key in secrets_used(local):
        assert name in made
        assert key is None or key in made[name], f"{name}: {key}"


def test_pod_identity_is_part_of_the_node_and_may_do_no_more_than_it_has_to(local: list[Object]) -> None:
    pod = find(local, "DaemonSet", "pod-identity")["spec"]["template"]["spec"]
    (address,), (service,) = pod["initContainers"], pod["containers"]
    assert (pod["hostNetwork"], pod["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
    assert {address["image"], service["image"]} == {IMAGES["pod-identity"]}
    powers = [container["securityContext"]["capabilities"] for container in (address, service)]
    assert powers == [
        {"drop": ["ALL"], "add": ["NET_ADMIN"]},
        {"drop": ["ALL"], "add": ["NET_BIND_SERVICE", "SETGID", "SETUID"]},  # given up once port 80 is open
    ]
    rules = [rule for kind in ("Role", "ClusterRole") for rule in find(local, kind, "lab-pod-identity")["rules"]]
    allowed = {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
    assert allowed == {
        ("configmaps", "get"),
        ("tokenreviews", "create"),
        ("mutatingwebhookconfigurations", "get"),
        ("mutatingwebhookconfigurations", "patch"),
    }
    assert [rule["resources"] for rule in rules if not rule.get("resourceNames")] == [["tokenreviews"]]


def test_the_webhook_looks_at_no_pod_that_the_cluster_itself_needs(local: list[Object]) -> None:
    (webhook,) = find(local, "MutatingWebhookConfiguration", "pod-identity")["webhooks"]
    (left_out,) = webhook["namespaceSelector"]["matchExpressions"]
    assert (left_out["operator"], set(left_out["values"])) == ("NotIn", {"kube-system", "platform"})


def test_localstack_has_its_keys_its_roles_and_the_names_at_which_pods_reach_it(
    local: list[Object], secrets: list[Object]
) -> None:
    pod = find(local, "Deployment", "localstack")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    values = {variable["name"]: variable["value"] for variable in container["env"]}
    given = find(secrets, "Secret", "localstack")
    (keys,) = [
        volume["name"]
        for volume in pod["volumes"]
        if volume.get("secret", {}).get("secretName") == given["metadata"]["name"]
    ]
    (folder,) = [each["mountPath"] for each in container["volumeMounts"] if each["name"] == keys]
    assert values["LAB_S3_KEYS"] == folder
    assert {name for name in given["stringData"] if not given["stringData"][name]} == set()
    hosts = {name.strip() for name in values["LAB_S3_HOSTS"].split(",")}
    assert inside.s3_url().removeprefix("http://") in hosts
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        (header,) = container[probe]["httpGet"]["httpHeaders"]
        assert header["name"] == "Host"
        assert header["value"].partition(":")[0] in hosts
    roles = find(secrets, "ConfigMap", "localstack-roles")
    (mounted,) = [each for each in container["volumeMounts"] if each["name"] == "roles"]
    assert values[storage.ROLES_FILE] == f"{mounted['mountPath']}/{next(iter(roles['data']))}"
    associations = parse(find(secrets, "ConfigMap", "pod-identity-associations")["data"][FILE])
    assert set(json.loads(roles["data"]["roles.json"])) == set(associations.values())


def test_the_agent_signs_with_the_key_that_localstack_lets_assume_roles(secrets: list[Object]) -> None:
    agent = find(secrets, "Secret", "pod-identity")
    known = find(secrets, "Secret", "localstack")["stringData"]
    assert agent["metadata"]["namespace"] == "kube-system"
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        assert agent["stringData"][f"POD_IDENTITY_{name}"] == known[f"LAB_S3_AGENT_{name}"]
        assert agent["stringData"][f"POD_IDENTITY_{name}"] != known[f"LAB_S3_{name}"]


def test_the_associations_have_a_name_that_the_service_knows(secrets: list[Object]) -> None:
    found = find(secrets, "ConfigMap", "pod-identity-associations")
    assert found["metadata"]["namespace"] == "kube-system"
    assert ("airflow", "airflow-dvc-sa") in parse(found["data"][FILE])


def test_only_gitea_may_notify_the_service_of_pushes(local: list[Object]) -> None:
    (container,) = find(local, "Deployment", "gitea")["spec"]["template"]["spec"]["containers"]
    values = {variable["name"]: variable.get("value") for variable in container["env"]}
    host = values["GITEA__webhook__ALLOWED_HOST_LIST"]
    service = find(local, "Service", "triggers")
    assert host == f"triggers.{service['metadata']['namespace']}"
    (port,) = service["spec"]["ports"]
    assert inside.webhook_url().startswith(f"http://{host}:{port['port']}/")


def test_a_lab_that_starts_no_run_on_a_push_has_nothing_of_the_service(access: LoopbackAccess) -> None:
    off = replace(access, settings=Settings(triggers=TriggerSettings(on_push=False)))
    folder = off.paths.run / "off"
    rendered = kustomize(program("kubectl"), write(folder, manifests.rendered(off, IMAGES, folder)))
    assert not [o for o in rendered if o["metadata"]["name"] == "triggers"]
    assert find(rendered, "Deployment", "gitea")
