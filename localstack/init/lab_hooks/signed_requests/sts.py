"""The two calls of STS that the lab answers: AssumeRole, for the agent alone, and GetCallerIdentity.

LocalStack itself gives every caller any role, with credentials that it forgets at its next restart.
"""

import json
import re
import time
from datetime import UTC, datetime
from typing import Any

from lab_hooks.signed_requests.errors import Refusal, access_denied
from lab_hooks.signed_requests.keys import ACCOUNT, Caller, Keys
from lab_hooks.signed_requests.sessions import Session

__all__ = ["answer"]

SHORTEST, LONGEST, USUAL = 900, 12 * 3600, 3600
"""Seconds that issued credentials may hold (AssumeRole in the STS API reference)."""
NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
LONGEST_POLICY = 2048
MOST_TAGS = 50


def answer(operation: str, asked: dict[str, Any], caller: Caller, keys: Keys) -> dict[str, Any]:
    """Return the result of a call; raises a ``Refusal``."""
    if operation == "GetCallerIdentity":
        user = caller.session.user_id if caller.session else ACCOUNT if caller.is_person else "AIDAPODIDENTITYAGENT"
        account = caller.session.role.split(":")[4] if caller.session else ACCOUNT
        return {"UserId": user, "Account": account, "Arn": caller.arn}
    if operation == "AssumeRole" and caller.is_agent:
        return assume_role(asked, keys)
    resource = f" on resource: {asked['RoleArn']}" if "RoleArn" in asked else ""
    raise access_denied(f"User: {caller.arn} is not authorized to perform: sts:{operation}{resource}", "sts")


def assume_role(asked: dict[str, Any], keys: Keys) -> dict[str, Any]:
    """Issue credentials of a role that has a policy here."""
    role, name = asked["RoleArn"], asked["RoleSessionName"]
    if keys.sessions is None or keys.roles.policy(role) is None:
        raise access_denied(f"There is no role {role}, or it has no policy", "sts")
    if not NAME.fullmatch(name):
        raise invalid(f"roleSessionName does not match {NAME.pattern}")
    seconds = asked.get("DurationSeconds", USUAL)
    if not SHORTEST <= seconds <= LONGEST:
        raise invalid(f"durationSeconds is not between {SHORTEST} and {LONGEST}")
    if asked.get("PolicyArns"):
        raise invalid("policyArns: managed session policies are not implemented")
    session = Session(role, name, int(time.time()) + seconds, tags(asked), session_policy(asked))
    issued = keys.sessions.issue(session)
    return {
        "Credentials": {
            "AccessKeyId": issued.access_key,
            "SecretAccessKey": issued.secret_key,
            "SessionToken": issued.token,
            "Expiration": datetime.fromtimestamp(session.end, UTC),
        },
        "AssumedRoleUser": {"AssumedRoleId": session.user_id, "Arn": session.arn},
    }


def tags(asked: dict[str, Any]) -> dict[str, str]:
    """Return the session tags; their keys are compared without regard to case."""
    found = {tag["Key"]: tag["Value"] for tag in asked.get("Tags") or []}
    if len({key.lower() for key in found}) != len(asked.get("Tags") or []) or len(found) > MOST_TAGS:
        raise invalid(f"tags: more than {MOST_TAGS}, or two with one key")
    return found


def session_policy(asked: dict[str, Any]) -> str:
    """Return the text of the session policy, or nothing."""
    text: str = asked.get("Policy") or ""
    try:
        is_policy = not text or (len(text) <= LONGEST_POLICY and isinstance(json.loads(text), dict))
    except ValueError:
        is_policy = False
    if not is_policy:
        raise Refusal("MalformedPolicyDocument", "The policy is no JSON object, or too long", 400, "sts")
    return text


def invalid(what: str) -> Refusal:
    """Return the refusal of a parameter."""
    return Refusal("ValidationError", f"1 validation error detected: {what}", 400, "sts")
