"""The keys that LocalStack accepts, by the names under which its init hooks read them (localstack/README.md)."""

from __future__ import annotations

from lab.secrets import Secrets

ROLES_FILE = "LAB_S3_ROLES_FILE"
"""Names the file with the policies of the roles that the agent may assume; goes with `agent_keys`."""


def storage_keys(secrets: Secrets) -> dict[str, str]:
    """The user's key, which may do everything."""
    return {
        "LAB_S3_ACCESS_KEY_ID": secrets["aws-access-key-id"],
        "LAB_S3_SECRET_ACCESS_KEY": secrets["aws-secret-access-key"],
    }


def agent_keys(secrets: Secrets) -> dict[str, str]:
    """The key with which the agent of Pod Identity assumes roles, and the one that issued credentials derive from."""
    return {
        "LAB_S3_AGENT_ACCESS_KEY_ID": secrets["pod-identity-access-key-id"],
        "LAB_S3_AGENT_SECRET_ACCESS_KEY": secrets["pod-identity-secret-access-key"],
        "LAB_S3_SESSION_KEY": secrets["sts-session-key"],
    }
