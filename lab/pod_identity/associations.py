"""Which role a service account may have: the pod identity associations, kept as data in a ConfigMap."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import yaml

from lab.pod_identity.cluster import ClusterApi, ClusterError

log = logging.getLogger(__name__)

SECONDS = 5
"""How long a removed association may go on giving credentials."""
PATH = "/api/v1/namespaces/kube-system/configmaps/pod-identity-associations"
FILE = "associations.yaml"

ByAccount = dict[tuple[str, str], str]
"""The ARN of a role by namespace and service account."""


class BadAssociationsError(Exception):
    """The ConfigMap holds something else than a list of associations."""


@dataclass
class Associations:
    """The associations as they are now, or were at most SECONDS ago; while the API is away, as they were last."""

    cluster: ClusterApi
    known: ByAccount | None = None
    read_at: float = 0

    async def role(self, namespace: str, account: str) -> str | None:
        """The ARN of the role of a service account, or None.

        Raises:
            ClusterError: they were never read.
            BadAssociationsError: they cannot be read.
        """
        if self.known is None or time.monotonic() - self.read_at > SECONDS:
            await self.read()
        return (self.known or {}).get((namespace, account))

    async def read(self) -> None:
        try:
            found = await self.cluster.get(PATH)
        except ClusterError as error:
            if self.known is None:
                raise
            log.warning("associations as they were last: %s", error)
            return
        self.known = parse(found.get("data", {}).get(FILE, ""))
        self.read_at = time.monotonic()


def parse(text: str) -> ByAccount:
    """The associations of a file in which each has the fields that eksctl's `podIdentityAssociations` have.

    Raises:
        BadAssociationsError: says which one lacks what.
    """
    try:
        entries = yaml.safe_load(text) or []
    except yaml.YAMLError as error:
        raise BadAssociationsError(f"{FILE} is not YAML: {error}") from error
    if not isinstance(entries, list):
        raise BadAssociationsError(f"{FILE} is not a list")
    found: ByAccount = {}
    for number, entry in enumerate(entries, 1):
        try:
            account = (str(entry["namespace"]), str(entry["serviceAccountName"]))
            role = str(entry["roleARN"])
        except (KeyError, TypeError) as error:
            fields = "namespace, serviceAccountName and roleARN"
            raise BadAssociationsError(f"association {number} of {FILE} needs {fields}") from error
        if account in found:
            raise BadAssociationsError(f"{FILE} has two associations for {'/'.join(account)}")
        found[account] = role
    return found
