"""The Pod Identity associations: pods of the lab's service accounts get credentials of a role, others get none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lab.engine.eks.resource import ABSENT, Resource, State
from lab.engine.kubernetes.cluster import AIRFLOW
from lab.engine.kubernetes.identities import ACCOUNTS, DATA
from lab.engine.phases import Note
from lab.wait import NotYetError, wait_until

GONE = ("ResourceNotFoundException",)
UNKNOWN_ROLE = ("InvalidParameterException",)
ROLE_LIMIT, PAUSE = 30.0, 2.0


@dataclass
class Association(Resource):
    """EKS knows at most one per service account."""

    account: str = DATA.accounts[0]
    key = "association"
    needs = ("cluster", "role")

    @property
    def name(self) -> str:
        return f"{AIRFLOW}/{self.account}"

    @property
    def role_arn(self) -> str:
        return self.place.settings.arn("role", ACCOUNTS[self.account])

    def look(self) -> State:
        found = self.find()
        return ABSENT if found is None else State(True, tuple(self.differences(found)))

    def find(self) -> Any:
        if self.place.cluster() is None:
            return None
        names = {"namespace": AIRFLOW, "serviceAccount": self.account}
        listed = self.eks("list_pod_identity_associations", GONE, **names)
        for each in listed["associations"] if listed else []:
            answer = self.eks("describe_pod_identity_association", GONE, associationId=each["associationId"])
            if answer is not None:
                found = answer["association"]
                self.require_own(f"association {self.name}", found.get("tags", {}))
                return found
        return None

    def differences(self, found: dict[str, Any]) -> Iterator[str]:
        if found["roleArn"] != self.role_arn:
            yield f"is of the role {found['roleArn'].rpartition('/')[2]}"
        if found.get("disableSessionTags"):
            yield "session tags are off, and the role requires them"
        if found.get("targetRoleArn") or found.get("policy"):
            yield "has its own target role or policy"

    def make(self, note: Note) -> None:
        found, role = self.find(), self.role_arn
        if found is not None and (found.get("targetRoleArn") or found.get("policy")):
            note("deleted and created again")
            self.remove(note)
            found = None
        if found is None:
            wait_until(self.create, what=f"the role for {self.name}", limit=ROLE_LIMIT, pause=PAUSE)
        elif any(self.differences(found)):
            self.eks(
                "update_pod_identity_association",
                associationId=found["associationId"],
                roleArn=role,
                disableSessionTags=False,
            )

    def create(self) -> None:
        """Try once; a role that was just created may not be visible everywhere yet ("IAM is eventually consistent").

        Raises:
            NotYetError: EKS does not know the role.
        """
        names = {"namespace": AIRFLOW, "serviceAccount": self.account}
        given = {**names, "roleArn": self.role_arn, "tags": self.tags}
        if self.eks("create_pod_identity_association", UNKNOWN_ROLE, **given) is None:
            raise NotYetError(f"EKS does not take {self.role_arn}")

    def remove(self, note: Note) -> None:
        found = self.find()
        if found is not None:
            self.eks("delete_pod_identity_association", GONE, associationId=found["associationId"])

    def eks(self, method: str, absent: tuple[str, ...] = (), /, **parameters: Any) -> Any:
        name = self.place.settings.cluster.name
        return self.place.cloud.call("eks", method, absent=absent, clusterName=name, **parameters)
