"""EKS Pod Identity, re-enacted in a cluster that is not on EKS: lab/pod_identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.services.generate import access_key_id, token
from lab.services.image import PACKAGES, Image
from lab.services.record import CLUSTER, Secret, Service

if TYPE_CHECKING:
    from lab.secrets import Secrets

POD_IDENTITY = "pod-identity"


def objects(secrets: Secrets) -> dict[str, dict[str, str]]:
    return {
        "pod-identity": {
            "POD_IDENTITY_ACCESS_KEY_ID": secrets["pod-identity-access-key-id"],
            "POD_IDENTITY_SECRET_ACCESS_KEY": secrets["pod-identity-secret-access-key"],
        }
    }


SERVICES = (
    Service(
        name=POD_IDENTITY,
        role="identity",
        what="Pod Identity",
        secrets=(
            Secret(
                "pod-identity-access-key-id",
                "names the key by which Pod Identity requests credentials",
                access_key_id,
                CLUSTER,
            ),
            Secret(
                "pod-identity-secret-access-key",
                "is the key by which Pod Identity requests credentials",
                token(30),
                CLUSTER,
            ),
        ),
        images=(
            Image(
                POD_IDENTITY,
                environment=POD_IDENTITY,
                sources={
                    "lab/__init__.py": f"{PACKAGES}/lab/__init__.py",
                    "lab/pod_identity": f"{PACKAGES}/lab/pod_identity",
                },
            ),
        ),
        manifest="pod-identity.yaml",
        objects=objects,
        needs=("localstack",),
    ),
)
