"""The IAM roles of the pods: assumed by EKS Pod Identity for this cluster only, with the lab's policy and no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lab.engine.eks.managed_policy import MISSING, document
from lab.engine.eks.resource import ABSENT, Resource, State, as_list, as_mapping
from lab.engine.kubernetes.identities import DATA, Identity
from lab.engine.kubernetes.policy import trust
from lab.engine.phases import Note


@dataclass
class Role(Resource):
    """Its name follows from the settings; the pods know nothing of it."""

    identity: Identity = DATA
    key = "role"
    needs = ("policy",)

    @property
    def name(self) -> str:
        return self.place.settings.role_name(self.identity)

    @property
    def policy_arn(self) -> str:
        return self.place.settings.arn("policy", self.identity)

    @property
    def wanted_trust(self) -> dict[str, Any]:
        return trust(self.place.settings.account, self.place.settings.cluster_arn)

    def look(self) -> State:
        found = self.find()
        return ABSENT if found is None else State(True, tuple(self.differences(found)))

    def find(self) -> Any:
        answer = self.iam("get_role", MISSING)
        if answer is None:
            return None
        self.require_own(f"role {self.name}", as_mapping(answer["Role"].get("Tags", [])))
        return answer["Role"]

    def differences(self, found: dict[str, Any]) -> Iterator[str]:
        if document(found["AssumeRolePolicyDocument"]) != self.wanted_trust:
            yield "its trust policy differs"
        if boundary_of(found) != self.place.settings.identity.permissions_boundary:
            yield "its permissions boundary differs"
        attached, inline = self.attached(), self.inline()
        if self.policy_arn not in attached:
            yield "its policy is not attached"
        for other in [*sorted(attached - {self.policy_arn}), *inline]:
            yield f"also has the policy {other.rpartition('/')[2]}"

    def attached(self) -> set[str]:
        return {policy["PolicyArn"] for policy in self.iam("list_attached_role_policies")["AttachedPolicies"]}

    def inline(self) -> list[str]:
        return [str(name) for name in self.iam("list_role_policies")["PolicyNames"]]

    def make(self, note: Note) -> None:
        settings, text = self.place.settings, json.dumps(self.wanted_trust)
        boundary = settings.identity.permissions_boundary
        found = self.find()
        if found is None:
            limits = {"PermissionsBoundary": boundary} if boundary else {}
            about = "Pods of an MLOps lab, by EKS Pod Identity"
            self.iam("create_role", AssumeRolePolicyDocument=text, Tags=as_list(self.tags), Description=about, **limits)
        else:
            if document(found["AssumeRolePolicyDocument"]) != self.wanted_trust:
                note("its trust policy")
                self.iam("update_assume_role_policy", PolicyDocument=text)
            if boundary_of(found) != boundary:
                self.set_boundary(boundary)
        self.set_policies(note)

    def set_boundary(self, boundary: str) -> None:
        if boundary:
            self.iam("put_role_permissions_boundary", PermissionsBoundary=boundary)
        else:
            self.iam("delete_role_permissions_boundary")

    def set_policies(self, note: Note) -> None:
        """The lab's policy and no other: any other policy of the role would apply to every step."""
        wanted, attached = self.policy_arn, self.attached()
        if wanted not in attached:
            self.iam("attach_role_policy", PolicyArn=wanted)
        self.take_away(attached - {wanted}, note)

    def take_away(self, attached: set[str], note: Note) -> None:
        for arn in sorted(attached):
            note(f"without {arn}")
            self.iam("detach_role_policy", MISSING, PolicyArn=arn)
        for name in self.inline():
            note(f"without {name}")
            self.iam("delete_role_policy", MISSING, PolicyName=name)

    def remove(self, note: Note) -> None:
        if self.find() is None:
            return
        self.take_away(self.attached(), note)
        self.iam("delete_role", MISSING)

    def iam(self, method: str, absent: tuple[str, ...] = (), /, **parameters: Any) -> Any:
        return self.place.cloud.call("iam", method, absent=absent, RoleName=self.name, **parameters)


def boundary_of(found: dict[str, Any]) -> str:
    return str(found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""))
