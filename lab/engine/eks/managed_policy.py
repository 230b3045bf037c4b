"""The IAM policies of the pods: what lab.engine.kubernetes.policy allows, and no more."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lab.engine.eks.resource import ABSENT, Resource, State, as_list, as_mapping
from lab.engine.kubernetes.identities import DATA, Identity
from lab.engine.phases import Note

MISSING = ("NoSuchEntity",)
VERSIONS = 5
"""Of a managed policy, of which one is in force ("IAM and AWS STS quotas")."""


@dataclass
class ManagedPolicy(Resource):
    """A policy of the customer's. Its document is changed by a new version that becomes the default one."""

    identity: Identity = DATA
    key = "policy"

    @property
    def name(self) -> str:
        return self.place.settings.role_name(self.identity)

    @property
    def wanted(self) -> dict[str, Any]:
        settings = self.place.settings
        return self.identity.permissions(settings.storage.bucket, settings.partition, settings.storage.prefix)

    def look(self) -> State:
        found = self.find()
        return ABSENT if found is None else State(True, self.differences(found))

    def find(self) -> Any:
        answer = self.iam("get_policy", absent=MISSING)
        if answer is None:
            return None
        self.require_own(f"policy {self.name}", as_mapping(answer["Policy"].get("Tags", [])))
        return answer["Policy"]

    def differences(self, found: dict[str, Any]) -> tuple[str, ...]:
        answer = self.iam("get_policy_version", VersionId=found["DefaultVersionId"])
        return () if document(answer["PolicyVersion"]["Document"]) == self.wanted else ("its document differs",)

    def make(self, note: Note) -> None:
        found, text = self.find(), json.dumps(self.wanted)
        if found is None:
            self.place.cloud.call(
                "iam",
                "create_policy",
                PolicyName=self.name,
                PolicyDocument=text,
                Description="Data and task logs of an MLOps lab",
                Tags=as_list(self.tags),
            )
        elif self.differences(found):
            note("a new version of its document")
            self.make_room()
            self.iam("create_policy_version", PolicyDocument=text, SetAsDefault=True)

    def make_room(self) -> None:
        """Delete the oldest version if the limit of versions is reached."""
        versions = self.iam("list_policy_versions")["Versions"]
        if len(versions) >= VERSIONS:
            oldest = min((v for v in versions if not v["IsDefaultVersion"]), key=lambda v: v["CreateDate"])
            self.iam("delete_policy_version", VersionId=oldest["VersionId"])

    def remove(self, note: Note) -> None:
        if self.find() is None:
            return
        for version in self.iam("list_policy_versions")["Versions"]:
            if not version["IsDefaultVersion"]:
                self.iam("delete_policy_version", VersionId=version["VersionId"])
        self.iam("delete_policy", absent=MISSING)

    def iam(self, method: str, *, absent: tuple[str, ...] = (), **parameters: Any) -> Any:
        arn = self.place.settings.arn("policy", self.identity)
        return self.place.cloud.call("iam", method, absent=absent, PolicyArn=arn, **parameters)


def document(found: Any) -> Any:
    """A policy document as botocore gives it: parsed already, or a text where it could not be."""
    return json.loads(found) if isinstance(found, str) else found
