"""What a session must be allowed for each call of S3, and whether it is.

"Required permissions for Amazon S3 API operations" in the Amazon S3 user guide. A call that is not in the table needs
the permission of the same name, which is the rule there with few exceptions.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from lab_hooks.signed_requests.errors import Refusal, access_denied
from lab_hooks.signed_requests.keys import Caller, Keys
from lab_hooks.signed_requests.roles import PRINCIPAL_TAG, Question, permits

__all__ = ["require_permitted"]

ARN = "arn:aws:s3:::"
ACTIONS = {
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "PostObject": "PutObject",
    "DeleteObjects": "DeleteObject",
}
VERSIONED = {"GetObject", "DeleteObject", "GetObjectAcl", "GetObjectTagging", "PutObjectTagging", "GetObjectAttributes"}


def require_permitted(service: str, operation: str, asked: dict[str, Any], caller: Caller, keys: Keys) -> None:
    """Return if the caller may make this call of S3 or IAM; raises a ``Refusal``."""
    if caller.is_person:
        return
    if service != "s3" or caller.session is None:
        raise denied(caller, f"{service}:{operation}", "*", service)
    policy = keys.roles.policy(caller.session.role)
    if policy is None:
        raise denied(caller, f"{service}:{operation}", "*", service)
    policies = [policy, *([json.loads(caller.session.policy)] if caller.session.policy else [])]
    tags = {f"{PRINCIPAL_TAG}{key}": value for key, value in caller.session.tags.items()}
    for question in questions(operation, asked, tags):
        if not all(permits(each, question) for each in policies):
            raise denied(caller, question.action, question.resource, service)


def questions(operation: str, asked: dict[str, Any], tags: dict[str, str]) -> Iterator[Question]:
    """Return what must be allowed; all of it."""
    action = ACTIONS.get(operation, operation)
    bucket, key = asked.get("Bucket"), asked.get("Key")
    if operation == "DeleteObjects":
        for each in asked["Delete"]["Objects"]:
            yield Question(versioned(action, each.get("VersionId")), f"{ARN}{bucket}/{each['Key']}", tags)
        return
    resource = "*" if bucket is None else f"{ARN}{bucket}" if key is None else f"{ARN}{bucket}/{key}"
    prefix = {"s3:prefix": asked["Prefix"]} if asked.get("Prefix") is not None else {}
    yield Question(versioned(action, asked.get("VersionId")), resource, {**tags, **prefix})
    if source := asked.get("CopySource"):
        path, _, version = unquote(str(source)).lstrip("/").partition("?versionId=")
        yield Question(versioned("GetObject", version), f"{ARN}{path}", tags)


def versioned(action: str, version: str | None) -> str:
    """Return the permission for a call that names a version, or does not."""
    if not version or action not in VERSIONED:
        return f"s3:{action}"
    return f"s3:{action.replace('Object', 'ObjectVersion', 1)}"


def denied(caller: Caller, action: str, resource: str, service: str) -> Refusal:
    """Return the refusal in Amazon's words."""
    return access_denied(f"User: {caller.arn} is not authorized to perform: {action} on resource: {resource}", service)
