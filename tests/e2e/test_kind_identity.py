"""AWS credentials of pods: by EKS Pod Identity re-enacted, and by nothing else."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from tests.e2e.cluster import KindLab
from tests.e2e.step_pods import NAMESPACE, StepPod, step_pod
from tests.waiting import eventually

PULL = """\
env | grep -E '^AWS_(ACCESS|SECRET|SESSION)' && exit 1
git clone --quiet "$PIPELINE_REPOSITORY" /scratch/clone && cd /scratch/clone
dvc pull datasets/employee_attrition.csv && tail -n +2 datasets/employee_attrition.csv | wc -l
"""
PUSH = """\
git clone --quiet "$PIPELINE_REPOSITORY" /scratch/large && cd /scratch/large
head -c 1G /dev/urandom > large.bin
dvc add --quiet large.bin && dvc push large.bin.dvc && dvc status --cloud large.bin.dvc
"""


@pytest.fixture(scope="module")
def pod(lab: KindLab) -> Iterator[StepPod]:
    """With the service account of the steps."""
    made = step_pod(lab, "airflow-dvc-sa")
    yield made
    lab.kubectl("delete", "pod", made.name, *NAMESPACE)


@pytest.fixture(scope="module")
def stranger(lab: KindLab) -> Iterator[StepPod]:
    """The same with a service account that has no association."""
    made = step_pod(lab, "default", configured=True)
    yield made
    lab.kubectl("delete", "pod", made.name, *NAMESPACE)


def test_a_steps_account_pulls_without_a_key(lab: KindLab, pod: StepPod) -> None:
    pulled = pod.run("sh", "-euc", PULL)
    assert pulled.returncode == 0, pulled.stderr
    assert int(pulled.stdout.split()[-1]) == lab.json("history")[-1]["rows"]


def test_another_account_pulls_nothing_and_gets_an_error_that_says_what_is_missing(stranger: StepPod) -> None:
    pulled = stranger.run("sh", "-euc", PULL)
    assert pulled.returncode != 0
    expected = "there is no pod identity association for the service account airflow/default"
    assert expected in pulled.stdout + pulled.stderr


def test_the_persons_key_is_in_the_secret_that_localstack_reads_and_nowhere_else(lab: KindLab) -> None:
    found = lab.kubectl("get", "pods,secrets,configmaps", "--all-namespaces", "--output", "json")
    for name in ("aws-access-key-id", "aws-secret-access-key"):
        key = lab.secret(name)
        spelt = (key, base64.b64encode(key.encode()).decode())
        places = {
            (item["kind"], item["metadata"]["namespace"], item["metadata"]["name"])
            for item in json.loads(found)["items"]
            if any(text in json.dumps(item) for text in spelt)
        }
        assert places == {("Secret", "platform", "localstack")}


READ = """\
import sys, botocore.session
s3 = botocore.session.get_session().create_client("s3")
try:
    getattr(s3, sys.argv[1])(Bucket="mlops-lab", **eval(sys.argv[2]))
    print("OK")
except Exception as error:
    print(error)
"""


def test_a_step_may_do_what_the_role_on_eks_may_and_nothing_else(pod: StepPod) -> None:
    def tried(method: str, **asked: str) -> str:
        return pod.run("python", "-c", READ, method, repr(asked)).stdout

    assert tried("list_objects_v2", Prefix="dvc/").startswith("OK")
    assert tried("put_object", Key="dvc/test/step", Body="x").startswith("OK")
    assert tried("delete_object", Key="dvc/test/step").startswith("OK")
    for method, asked in {
        "put_object": {"Key": "elsewhere", "Body": "x"},
        "delete_object": {"Key": "logs/x"},
        "list_objects_v2": {},
        "delete_bucket": {},
    }.items():
        assert "AccessDenied" in tried(method, **asked)


def test_a_pod_that_launches_others_keeps_task_logs_and_has_no_data(lab: KindLab) -> None:
    launcher = step_pod(lab, "airflow-worker")

    def tried(method: str, **asked: str) -> str:
        return launcher.run("python", "-c", READ, method, repr(asked)).stdout

    assert tried("put_object", Key="logs/test-launcher", Body="x").startswith("OK")
    assert tried("get_object", Key="logs/test-launcher").startswith("OK")
    for method, asked in {
        "list_objects_v2": {"Prefix": "dvc/"},
        "put_object": {"Key": "dvc/test-launcher", "Body": "x"},
        "delete_object": {"Key": "logs/test-launcher"},
    }.items():
        assert "AccessDenied" in tried(method, **asked)
    lab.kubectl("delete", "pod", launcher.name, *NAMESPACE)
    lab.shell("aws s3 rm --quiet s3://mlops-lab/logs/test-launcher")


def test_nothing_in_the_cluster_reaches_the_bucket_or_a_role_without_a_key(stranger: StepPod) -> None:
    asked = "import urllib.request as r, sys; r.urlopen(sys.argv[1], data=sys.argv[2].encode() or None)"
    for url, form in (("/mlops-lab", ""), ("/", "Action=AssumeRole&Version=2011-06-15"), ("/_localstack/info", "")):
        done = stranger.run("python", "-c", asked, f"http://localstack.platform:4566{url}", form)
        assert "HTTP Error 403" in done.stderr


def test_credentials_outlive_localstack(lab: KindLab, pod: StepPod) -> None:
    """The agent keeps them for 40 minutes: what they are checked with must not be forgotten."""
    assert pod.run("python", "-c", READ, "list_objects_v2", "{'Prefix': 'dvc/'}").stdout.startswith("OK")
    lab.kubectl("delete", "pod", "--namespace=platform", "--selector=app.kubernetes.io/name=localstack", "--wait")
    eventually(lab.is_healthy, "LocalStack is back", limit=120)
    assert pod.run("python", "-c", READ, "list_objects_v2", "{'Prefix': 'dvc/'}").stdout.startswith("OK")


def test_the_agent_answers_without_being_root(lab: KindLab) -> None:
    name = lab.pod("pod-identity")
    status = lab.kubectl("exec", name, "--namespace=kube-system", "--", "cat", "/proc/1/status")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert "0" not in fields["Uid"].split()
    assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == 0


def signed(lab: KindLab, token: str, **changed: Any) -> str:
    """The token with other claims, signed by the cluster's own key."""
    file = "/etc/kubernetes/pki/sa.key"
    key = subprocess.run(["docker", "exec", lab.node, "cat", file], check=True, capture_output=True).stdout
    claims = jwt.decode(token, options={"verify_signature": False})
    header = jwt.get_unverified_header(token)
    return jwt.encode({**claims, **changed}, key, algorithm=header["alg"], headers=header)


def test_forged_expired_and_foreign_tokens_get_401_and_stand_in_no_log(lab: KindLab, pod: StepPod) -> None:
    good = pod.token()
    assert pod.ask(good) == "200"
    now = int(time.time())
    assert pod.ask(signed(lab, good, iat=now - 10)) == "200", "what follows is refused for its claims alone"
    create = ("create", "token", "airflow-dvc-sa", *NAMESPACE)
    bound = ("--bound-object-kind=Pod", f"--bound-object-name={pod.name}")
    bad = {
        "forged": f"{good.rpartition('.')[0]}.{'A' * len(good.rpartition('.')[2])}",
        "expired": signed(lab, good, iat=now - 7200, nbf=now - 7200, exp=now - 3600),
        "wrong audience": lab.kubectl(*create, *bound, "--audience=sts.amazonaws.com").strip(),
        "no pod's": lab.kubectl(*create, "--audience=pods.eks.amazonaws.com").strip(),
    }
    answers = {name: pod.ask(token)[:3] for name, token in bad.items()}
    assert answers == dict.fromkeys(bad, "401")
    log = lab.lab("logs", "pod-identity", "-n", "50").stdout
    assert log.count(" 401: ") >= len(bad)
    for token in (good, *bad.values()):
        assert token not in log
        assert token.rpartition(".")[2] not in log


def test_a_removed_association_gives_no_new_credentials(lab: KindLab, pod: StepPod) -> None:
    place = ("configmap", "pod-identity-associations", "--namespace", "kube-system")
    before = json.loads(lab.kubectl("get", *place, "--output", "json"))["data"]
    try:
        lab.kubectl("patch", *place, "--patch", json.dumps({"data": {"associations.yaml": "[]"}}))
        eventually(lambda: pod.ask(pod.token()).startswith("404"), "the agent gives nothing more", limit=30)
    finally:
        lab.kubectl("patch", *place, "--patch", json.dumps({"data": before}))
    eventually(lambda: pod.ask(pod.token()) == "200", "the agent gives credentials again", limit=30)


def test_a_push_of_1_gb_outlives_the_agent(lab: KindLab, pod: StepPod) -> None:
    command = [*lab.kubectl_command, *NAMESPACE, "exec", pod.name, "--", "sh", "-euc", PUSH]
    uploads = "aws s3api list-multipart-uploads --bucket mlops-lab --query 'length(Uploads || `[]`)'"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pushing:
        eventually(lambda: int(lab.shell(uploads)) > 0, "the upload has begun", limit=300)
        lab.kubectl("delete", "pod", lab.pod("pod-identity"), "--namespace=kube-system", "--grace-period=0", "--force")
        output = pushing.communicate(timeout=600)[0]
    assert pushing.returncode == 0, output
    eventually(lab.is_healthy, "the agent is back", limit=120)
    assert pod.ask(pod.token()) == "200"
