"""All calls to AWS: boto3's clients, each refusal as an error that names the call and what is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from lab.engine.eks import regions
from lab.engine.eks.settings import EksSettings
from lab.errors import CloudError, SettingsError

UNKNOWN = {"AuthFailure", "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId",
           "RequestExpired", "SignatureDoesNotMatch", "TokenRefreshRequired",
           "UnrecognizedClientException"}  # fmt: skip
"""The error codes of AWS for invalid or expired credentials ("Common error types", API references)."""
DENIED = {"403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "Forbidden", "UnauthorizedOperation"}
SAID = re.compile(r"not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)")
ACTIONS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:DeleteObjects": "s3:DeleteObject, s3:DeleteObjectVersion",
}
"""Permissions of S3 that are not called as the operation is (Service Authorization Reference); all others are."""


class NoAccessError(CloudError):
    """AWS cannot be reached: no credentials, expired ones, no network."""


class DeniedError(CloudError):
    """AWS accepts the credentials, and does not allow the call."""


@dataclass
class Cloud:
    """The account and region of the settings, reached with the user's own credentials."""

    settings: EksSettings
    clients: dict[str, Any] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def client(self, service: str) -> Any:
        with self.lock:
            if service not in self.clients:
                self.clients[service] = make_client(self.settings, service)
            return self.clients[service]

    def call(self, service: str, method: str, *, absent: tuple[str, ...] = (), **parameters: Any) -> Any:
        """The answer of AWS; None if it is an error with one of the codes `absent`.

        Raises:
            NoAccessError: AWS cannot be reached with these credentials.
            DeniedError: the call is not allowed; the missing permission is named.
            CloudError: any other refusal, with AWS's own message.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        operation = f"{service}:{''.join(part.capitalize() for part in method.split('_'))}"
        try:
            client = self.client(service)
            operation = f"{service}:{client.meta.method_to_api_mapping[method]}"
            return getattr(client, method)(**parameters)
        except ClientError as error:
            if error.response["Error"]["Code"] in absent:
                return None
            raise refusal(operation, error.response["Error"]) from error
        except BotoCoreError as error:
            raise unreachable(error) from error

    def require_account(self) -> str:
        """The ARN of the caller.

        Raises:
            SettingsError: the credentials are those of another account than the settings'.
            NoAccessError: there are none that work.
        """
        identity = self.call("sts", "get_caller_identity")
        if identity["Account"] != self.settings.account:
            raise SettingsError(
                f"the credentials are of account {identity['Account']}, eks.toml is of {self.settings.account}",
                "name the right credentials (profile in eks.toml, or AWS_PROFILE), or the right account",
            )
        return str(identity["Arn"])


def make_client(settings: EksSettings, service: str) -> Any:
    import boto3
    import botocore.session
    from botocore.config import Config

    # An endpoint that cannot be reached is an error at once; a busy one is tried again.
    config = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3})
    core = botocore.session.Session(profile=settings.profile or None)
    core.register_component("data_loader", regions.session().get_component("data_loader"))  # has read the models before
    return boto3.session.Session(botocore_session=core, region_name=settings.region).client(service, config=config)


def refusal(operation: str, answer: dict[str, Any]) -> CloudError:
    """AWS's error as an error of the lab."""
    code, message = str(answer.get("Code", "")), str(answer.get("Message", ""))
    if code in UNKNOWN:
        what = "have expired" if "xpired" in code else "are not accepted"
        return NoAccessError(f"the AWS credentials {what} ({code})", "sign in again: aws sso login, or new keys")
    if code in DENIED:
        named = SAID.search(message)
        action = named[1] if named else ACTIONS.get(operation, operation)
        return DeniedError(
            f"AWS refused {operation.split(':')[1]}: {action} is not allowed",
            f"have {action} allowed for these credentials, then try again; docs/eks.md lists all that is needed",
            message,
        )
    return CloudError(f"AWS answered {code} to {operation.split(':')[1]}: {' '.join(message.split())}", "docs/eks.md")


def unreachable(error: Exception) -> NoAccessError:
    """The error for an exception of botocore without an answer of AWS."""
    name = type(error).__name__
    if "Credential" in name or "SSO" in name or "Token" in name or "Profile" in name:
        expired = "expired" in str(error).lower()
        message = "the AWS credentials have expired" if expired else f"no AWS credentials: {error}"
        return NoAccessError(message.rstrip("."), "aws configure, aws sso login, or AWS_PROFILE")
    return NoAccessError(f"AWS does not answer: {error}", "check the network, the proxy (HTTPS_PROXY) and the region")
