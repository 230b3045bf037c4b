"""How the lab's services are reached from inside the cluster, and the environment of pods that use them."""

from __future__ import annotations

import json

from lab.access import Access
from lab.engine.kubernetes import overlay
from lab.engine.kubernetes.cluster import AIRFLOW
from lab.engine.kubernetes.identities import ACCOUNTS, IDENTITIES, Identity
from lab.pipeline.git import isolated_variables
from lab.services.database import DATABASE
from lab.services.git import GIT
from lab.services.storage import LOCALSTACK
from lab.services.triggers import TRIGGERS

ACCOUNT = "000000000000"
"""LocalStack's account for keys that name none."""
PARTITION = "aws"


def git_url() -> str:
    return f"http://{overlay.address(GIT)}"


def s3_url() -> str:
    return f"http://{overlay.address(LOCALSTACK)}"


def webhook_url() -> str:
    """Where Gitea reports pushes."""
    return f"http://{overlay.address(TRIGGERS)}/push"


def database() -> str:
    """Host and port."""
    return overlay.address(DATABASE)


def pipeline_environment(access: Access, worker_image: str, worker_digest: str = "") -> dict[str, str]:
    """What Airflow and the step pods share, secrets aside: the ConfigMap `pipeline-environment`.

    The repository has the URL that works in the user's browser; Git maps its host to the address inside the cluster.
    """
    return {
        **isolated_variables(access.repository_url, reached_at=git_url()),
        "PIPELINE_OPERATOR": "pod",
        "PIPELINE_STEPS": access.settings.airflow.steps,
        "PIPELINE_STEP_MINUTES": str(access.settings.airflow.step_minutes),
        "PIPELINE_REPOSITORY": access.repository_url,
        "PIPELINE_WORKER_IMAGE": worker_image,
        **({"PIPELINE_WORKER_DIGEST": worker_digest} if worker_digest else {}),
        "AWS_ENDPOINT_URL": s3_url(),
        "AWS_DEFAULT_REGION": access.settings.storage.region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def role_policies(access: Access) -> str:
    """What each role may do, as LocalStack enforces it: the policy that the role has on Amazon EKS."""
    storage = access.settings.storage
    documents = {role_arn(each): each.permissions(storage.bucket, PARTITION, storage.prefix) for each in IDENTITIES}
    return json.dumps(documents, indent=2) + "\n"


def associations() -> str:
    """Which service account has which role, in the format of eksctl's `podIdentityAssociations`."""
    return "".join(
        f"- namespace: {AIRFLOW}\n  serviceAccountName: {account}\n  roleARN: {role_arn(identity)}\n"
        for account, identity in ACCOUNTS.items()
    )


def role_arn(identity: Identity) -> str:
    return f"arn:{PARTITION}:iam::{ACCOUNT}:role/{identity.role()}"


def identity_environment(access: Access) -> dict[str, str]:
    """The environment of the Pod Identity service: the ConfigMap `pod-identity`."""
    region = access.settings.storage.region
    return {
        "AWS_REGION": region,
        "POD_IDENTITY_STS_URL": s3_url(),
        "POD_IDENTITY_CLUSTER_ARN": f"arn:aws:eks:{region}:{ACCOUNT}:cluster/{access.settings.cluster.name}",
    }
