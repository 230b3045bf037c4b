"""Temporary credentials of a role for a pod: STS's AssumeRole with the session that EKS makes, cached and renewed."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab.pod_identity.cache import Cache
from lab.pod_identity.tokens import TokenPod

log = logging.getLogger(__name__)

DURATION = 3600
"""Seconds that credentials hold."""
RENEWED_BEFORE = 1200
"""Seconds before their end that they are no longer handed out: AWS's SDKs ask for new ones 15 minutes before it."""
SESSION_NAME_LENGTH = 64  # of RoleSessionName in the STS API reference


class RefusedError(Exception):
    """STS refused the role, or does not answer."""


@dataclass(frozen=True)
class Credentials:
    """What an AWS SDK expects of `AWS_CONTAINER_CREDENTIALS_FULL_URI`."""

    answer: dict[str, str]
    until: float
    """When to renew them, seconds since 1970."""


class Roles:
    """Assumes roles at `endpoint` in the name of pods."""

    def __init__(self, endpoint: str, region: str, cluster_arn: str, access_key: str, secret_key: str) -> None:
        import boto3
        from botocore.config import Config

        config = Config(connect_timeout=2, read_timeout=5, max_pool_connections=20, retries={"total_max_attempts": 3})
        # On EKS the agent has the node's role; here it has a key that may assume roles, and nothing else.
        keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
        self.sts = boto3.client("sts", endpoint_url=endpoint, region_name=region, config=config, **keys)
        self.cluster_arn = cluster_arn
        self.cache: Cache[tuple[str, str], Credentials] = Cache(lambda credentials: credentials.until)

    async def credentials(self, pod: TokenPod, role: str) -> Credentials:
        """Credentials of `role` for `pod` that hold for at least RENEWED_BEFORE seconds.

        Raises:
            RefusedError: see there.
        """
        return await self.cache.get((pod.uid, role), lambda: asyncio.to_thread(self.assume, pod, role))

    def assume(self, pod: TokenPod, role: str) -> Credentials:
        from botocore.exceptions import BotoCoreError, ClientError

        tags = session_tags(pod, self.cluster_arn)
        try:
            answer = self.sts.assume_role(
                RoleArn=role,
                RoleSessionName=session_name(pod, tags["eks-cluster-name"]),
                DurationSeconds=DURATION,
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                TransitiveTagKeys=list(tags),
            )
        except (BotoCoreError, ClientError) as error:
            raise RefusedError(f"STS does not give the role {role}: {error}") from error
        log.info("credentials of %s for %s/%s, pod %s", role, pod.namespace, pod.account, pod.name)
        return credentials(answer["Credentials"], role)


def session_tags(pod: TokenPod, cluster_arn: str) -> dict[str, str]:
    """The session tags of "Grant Pods access to AWS resources based on tags" in the EKS user guide."""
    return {
        "eks-cluster-arn": cluster_arn,
        "eks-cluster-name": cluster_arn.rpartition("/")[2],
        "kubernetes-namespace": pod.namespace,
        "kubernetes-service-account": pod.account,
        "kubernetes-pod-name": pod.name,
        "kubernetes-pod-uid": pod.uid,
    }


def session_name(pod: TokenPod, cluster: str) -> str:
    """`eks-<cluster>-<pod>-<uuid>`, of which the middle is cut to what STS takes."""
    ending = f"-{uuid.uuid4()}"
    return f"eks-{cluster}-{pod.name}"[: SESSION_NAME_LENGTH - len(ending)] + ending


def credentials(found: dict[str, Any], role: str) -> Credentials:
    expiration: datetime = found["Expiration"]
    answer = {
        "AccessKeyId": found["AccessKeyId"],
        "SecretAccessKey": found["SecretAccessKey"],
        "Token": found["SessionToken"],
        "AccountId": role.split(":")[4],
        "Expiration": expiration.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return Credentials(answer, max(expiration.timestamp() - RENEWED_BEFORE, time.time() + 1))
