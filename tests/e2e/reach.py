"""Runs in a pod with the account of the steps, in the worker's image: what answers it, and what it may do there.

Takes the address of the node and prints one JSON object, in which 0 means no answer.
"""

import base64
import json
import os
import socket
import ssl
import struct
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.exceptions
import botocore.session

SECONDS = 5
BUCKET = "mlops-lab"
TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
UNCHECKED = ssl._create_unverified_context()  # noqa: S323 - the test asks which server answers
Address = tuple[str, int]


def status(url: str, headers: dict[str, str] | None = None, data: bytes | None = None) -> int:
    request = urllib.request.Request(url, data, headers or {})  # noqa: S310 - the lab's own URLs
    try:
        with urllib.request.urlopen(request, timeout=SECONDS, context=UNCHECKED) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def login_wanted(address: Address) -> Any:
    """The kind and the code of PostgreSQL's first message to a user without a password."""
    parameters = struct.pack("!i", 196608) + b"user\0airflow\0database\0airflow\0\0"
    try:
        with socket.create_connection(address, SECONDS) as connection:
            connection.sendall(struct.pack("!i", 4 + len(parameters)) + parameters)
            answer = connection.recv(9)
            return [chr(answer[0]), answer[-1]]
    except OSError:
        return 0


def without_certificate(address: Address) -> Any:
    """Whether a TLS server takes a client without a certificate: "accepted" or "refused"."""
    try:
        with socket.create_connection(address, SECONDS) as connection, UNCHECKED.wrap_socket(connection) as tls:
            tls.sendall(b"GET /version HTTP/1.0\r\n\r\n")
            return "accepted" if tls.recv(1) else "refused"
    except ssl.SSLError:
        return "refused"
    except OSError:
        return 0


def s3(prefix: str) -> list[str]:
    """What may be done with keys below a prefix."""
    client = botocore.session.get_session().create_client("s3")
    key = f"{prefix}test-reach"
    calls = {
        "list": lambda: client.list_objects_v2(Bucket=BUCKET, Prefix=prefix),
        "write": lambda: client.put_object(Bucket=BUCKET, Key=key, Body=b"x"),
        "read": lambda: client.get_object(Bucket=BUCKET, Key=key),
        "delete": lambda: client.delete_object(Bucket=BUCKET, Key=key),
    }
    return [name for name, call in calls.items() if works(call)]


def works(call: Callable[[], Any]) -> bool:
    try:
        call()
    except botocore.exceptions.ClientError:
        return False
    return True


def git() -> list[int]:
    """The answers to a fetch without a login, and to a fetch and a push with that of the pod's environment."""
    login = f"{os.environ['GITSYNC_USERNAME']}:{os.environ['GITSYNC_PASSWORD']}"
    basic = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
    url = "http://gitea.platform:3000/lab/mlops.git/info/refs?service=git-"
    return [
        status(f"{url}upload-pack"),
        status(f"{url}upload-pack", basic),
        status(f"{url}receive-pack", basic),
    ]


def answers(node: str) -> dict[str, Any]:
    caller = botocore.session.get_session().create_client("sts").get_caller_identity()["Arn"]
    return {
        "names": bool(socket.gethostbyname("gitea.platform")),
        "role": caller.split("/")[1],
        "agent": status("http://169.254.170.23/v1/credentials"),
        "s3": {prefix: s3(prefix) for prefix in ("dvc/", "logs/", "")},
        "s3 unsigned": status(f"http://localstack.platform:4566/{BUCKET}"),
        "git": git(),
        "airflow": status("http://airflow-api-server.airflow:8080/api/v2/dags"),
        "postgres": login_wanted(("postgres.platform", 5432)),
        "triggers": status("http://triggers.airflow:8080/push", data=b"{}"),
        "kubernetes": status("https://kubernetes.default/api/v1/namespaces/airflow/pods"),
        "kubelet": status(f"https://{node}:10250/pods"),
        "etcd": without_certificate((node, 2379)),
        "token": TOKEN.exists(),
    }


sys.stdout.write(json.dumps(answers(sys.argv[1])))
