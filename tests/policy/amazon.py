"""An Amazon S3 that enforces IAM: moto's server, with the rules added that moto leaves out.

moto (5.2, moto/iam/access_control.py) checks signature, action and resource of each request. It does not evaluate the
conditions of permissions, checks HeadBucket as an action that IAM does not have, DeleteObjects against the bucket in
place of its keys, and answers 404 for a missing key to everyone. `questions` puts that right as the Amazon S3 User
Guide and API reference say (and lab.engine.kubernetes.policy, of missing keys). Everything that was asked is kept.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx
import pytest
from moto import settings
from moto.iam.access_control import IAMPolicy, PermissionResult, S3IAMRequest
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from lab.engine.kubernetes.policy import Document, trust

ACCOUNT = "123456789012"
"""moto's own."""
REGION = "us-east-1"
BUCKET = "mlops-lab"
OTHER = "another-account"
ROLE = "mlops-lab-dvc"


SESSION = boto3.session.Session()
"""One for all clients: it reads the models of the services once."""


@dataclass(frozen=True)
class Question:
    """What IAM is asked about one request, and its answer. `prefix` is the value of the condition key s3:prefix."""

    action: str
    resource: str
    prefix: str | None
    allowed: bool = False


@dataclass
class Amazon:
    """The server, with one bucket and one role, and every question that was asked of it since `asked` was cleared."""

    url: str
    asked: list[Question] = field(default_factory=list)

    def client(self, service: str, **keys: str) -> Any:
        """A client of the account's owner, or of who has these keys."""
        return SESSION.client(service, endpoint_url=self.url, region_name=REGION, **(keys or owner()))

    def session(self, document: Document) -> dict[str, str]:
        """Session credentials of the role, which has this document and nothing else, in boto3's spelling."""
        enforce(enabled=False)
        arn = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
        self.client("iam").put_role_policy(RoleName=ROLE, PolicyName=ROLE, PolicyDocument=json.dumps(document))
        given = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="pod")["Credentials"]
        enforce(enabled=True)
        names = {"AccessKeyId": "aws_access_key_id", "SecretAccessKey": "aws_secret_access_key",
                 "SessionToken": "aws_session_token"}  # fmt: skip
        return {spelt: given[name] for name, spelt in names.items()}

    def put(self, key: str, bucket: str = BUCKET) -> None:
        """An object that the owner has put there."""
        enforce(enabled=False)
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=b"another's")
        enforce(enabled=True)

    def clear(self, prefix: str) -> None:
        """Delete everything below it, as the owner."""
        enforce(enabled=False)
        for key in self.stored():
            if key.startswith(prefix):
                self.client("s3").delete_object(Bucket=BUCKET, Key=key)
        enforce(enabled=True)

    def stored(self) -> set[str]:
        """Of the bucket, straight from moto's memory."""
        return set(s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys)

    def unfinished(self) -> list[str]:
        """The keys of uploads in parts that were neither completed nor aborted."""
        return [upload.key_name for upload in s3_backends[ACCOUNT]["aws"].buckets[BUCKET].multiparts.values()]


def owner() -> dict[str, str]:
    return {"aws_access_key_id": "owner", "aws_secret_access_key": "owner"}


def enforce(*, enabled: bool) -> None:
    """Set after how many requests moto begins to enforce IAM."""
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0 if enabled else float("inf")


def questions(request: Any, resource: str) -> Iterator[Question]:
    """What Amazon S3 asks IAM about this request, where moto asks about one action and one resource."""
    action, query = request._action, parse_qs(urlsplit(request._path).query, keep_blank_values=True)
    if action == "s3:HeadBucket":
        yield Question("s3:ListBucket", resource, None)
    elif action == "s3:ListBucket":
        yield Question(action, resource, query.get("prefix", [None])[0])
    elif action == "s3:DeleteObject" and "delete" in query:
        listed = re.findall("<Key>(.*?)</Key>", request._body.decode())
        yield from (Question(action, f"{resource}/{html.unescape(key)}", None) for key in listed)
    else:
        yield Question(action, resource, None)
        bucket, _, key = resource.split(":", 5)[5].partition("/")  # a key may have colons itself
        if action == "s3:GetObject" and key not in s3_backends[ACCOUNT]["aws"].buckets[bucket].keys:
            yield Question("s3:ListBucket", resource.removesuffix(f"/{key}"), key)


def permits(document: Document, question: Question) -> bool:
    """Whether these statements allow it: moto's own evaluation of those with a condition that holds."""
    holding = [part for part in document["Statement"] if holds(part.get("Condition", {}), question.prefix)]
    kept = {"Statement": [{name: part[name] for name in part if name != "Condition"} for part in holding]}
    found = IAMPolicy(json.dumps(kept)).is_action_permitted(question.action, question.resource)
    return bool(found == PermissionResult.PERMITTED)


def holds(condition: dict[str, Any], prefix: str | None) -> bool:
    """Whether it holds for this s3:prefix; a key that a request does not have never matches."""
    if not condition:
        return True
    assert list(condition) == ["StringLike"]
    assert list(condition["StringLike"]) == ["s3:prefix"]
    return prefix is not None and any(fnmatchcase(prefix, pattern) for pattern in condition["StringLike"]["s3:prefix"])


@contextmanager
def running() -> Iterator[Amazon]:
    """The server with its bucket and role, which enforces IAM from now on."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    amazon = Amazon(f"http://{host}:{port}")

    def permitted(request: Any, resource: str) -> None:
        (document,) = (json.loads(text) for text in request._access_key.collect_policies())
        answers = [replace(asked, allowed=permits(document, asked)) for asked in questions(request, resource)]
        amazon.asked += answers
        if not all(answer.allowed for answer in answers):
            request._raise_access_denied()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(S3IAMRequest, "check_action_permitted", permitted)
        httpx.post(f"{amazon.url}/moto-api/reset", trust_env=False).raise_for_status()
        amazon.client("s3").create_bucket(Bucket=BUCKET)
        amazon.client("s3").create_bucket(Bucket=OTHER)
        document = json.dumps(trust(ACCOUNT, f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/lab"))
        amazon.client("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)
        yield amazon
        enforce(enabled=False)
        server.stop()
