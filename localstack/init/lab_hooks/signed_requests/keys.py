"""Which keys the lab generated, and who holds each."""

import hmac
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from lab_hooks.signed_requests.errors import Refusal, expired_token, unknown_key
from lab_hooks.signed_requests.roles import Roles
from lab_hooks.signed_requests.sessions import Session, Sessions

__all__ = ["ACCOUNT", "Caller", "Keys"]

ACCOUNT = "000000000000"
"""LocalStack's account for keys that name none, which the lab's do not."""
PERSON, AGENT = "person", "agent"


@dataclass(frozen=True)
class Caller:
    """Who signed a request: the person, the agent, or a session of a role."""

    kind: str
    access_key: str
    secret_key: str
    session: Session | None = None

    @property
    def is_person(self) -> bool:
        """Return whether this is the lab's owner, who may do everything."""
        return self.kind == PERSON

    @property
    def is_agent(self) -> bool:
        """Return whether this is the agent, which may assume roles."""
        return self.kind == AGENT

    @property
    def arn(self) -> str:
        """Return the caller's ARN, as GetCallerIdentity gives it."""
        if self.session:
            return self.session.arn
        return f"arn:aws:iam::{ACCOUNT}:" + ("root" if self.is_person else "user/pod-identity-agent")


class Keys:
    """The valid keys."""

    def __init__(self, person: Caller, agent: Caller | None, sessions: Sessions | None, roles: Roles) -> None:
        """Take the fixed keys, and what knows the issued ones."""
        self.fixed = [person, *([agent] if agent else [])]
        self.sessions = sessions
        self.roles = roles

    @classmethod
    def of(cls, environment: MutableMapping[str, str]) -> "Keys":
        """Take the keys out of the environment, where LocalStack's own reports would show them.

        With ``LAB_S3_KEYS`` they are in files of that folder, each with the name of its variable.
        Raises ``RuntimeError`` if one is missing.
        """
        folder = environment.pop("LAB_S3_KEYS", "")
        if folder:
            files = [file for file in Path(folder).iterdir() if file.name.startswith("LAB_S3_")]
            environment = {**environment, **{file.name: file.read_text("utf-8").strip() for file in files}}
        person = [environment.pop(f"LAB_S3_{name}", "") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")]
        names = ("AGENT_ACCESS_KEY_ID", "AGENT_SECRET_ACCESS_KEY", "SESSION_KEY", "ROLES_FILE")
        access_key, secret_key, session_key, roles = (environment.pop(f"LAB_S3_{name}", "") for name in names)
        if not all(person):
            raise RuntimeError("LAB_S3_ACCESS_KEY_ID and LAB_S3_SECRET_ACCESS_KEY are not set; `lab up` sets them")
        together = (access_key, secret_key, session_key, roles)
        if any(together) and not all(together):
            raise RuntimeError(f"{', '.join(f'LAB_S3_{name}' for name in names)}: set all of them, or none")
        if not access_key:
            return cls(Caller(PERSON, *person), None, None, Roles(None))
        agent = Caller(AGENT, access_key, secret_key)
        return cls(Caller(PERSON, *person), agent, Sessions(session_key), Roles(Path(roles)))

    def caller(self, access_key: str, token: str | None, service: str) -> Caller:
        """Return the holder of a key; raises the ``Refusal`` of a key or a token that is not valid (any more)."""
        if token is None:
            for caller in self.fixed:
                if hmac.compare_digest(caller.access_key.encode(), access_key.encode()):
                    return caller
            raise unknown_key(service)
        found = self.sessions.known(token) if self.sessions else None
        if found is None:
            message = "The security token included in the request is invalid."
            code, status = ("InvalidToken", 400) if service == "s3" else ("InvalidClientTokenId", 403)
            raise Refusal(code, message, status, service)
        session, issued = found
        if not hmac.compare_digest(issued.access_key.encode(), access_key.encode()):
            raise unknown_key(service)
        if session.is_over:
            raise expired_token(service)
        return Caller("session", issued.access_key, issued.secret_key, session)
