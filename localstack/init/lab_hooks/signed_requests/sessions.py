"""Temporary credentials that carry what they stand for, so that no restart forgets one.

The session token is the claims and a code that only the holder of the lab's session key can compute. Access key
and secret key are derived from the same claims, each under another label. Nothing is stored.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Issued", "Session", "Sessions"]

PREFIX = "LABS"
"""Of issued access keys. Not ``ASIA`` or ``LSIA``: LocalStack reads an account id out of those."""
ACCESS_KEY, SECRET_KEY, TOKEN = b"access key", b"secret key", b"token"


@dataclass(frozen=True)
class Session:
    """What issued credentials stand for; ``end`` in seconds since 1970, ``policy`` is the session policy's text."""

    role: str
    name: str
    end: int
    tags: dict[str, str] = field(default_factory=dict)
    policy: str = ""
    number: str = ""

    @property
    def is_over(self) -> bool:
        """Return whether the credentials have expired."""
        return time.time() >= self.end

    @property
    def arn(self) -> str:
        """Return the ARN of the assumed-role user, as STS writes it."""
        account, role = self.role.split(":")[4], self.role.rpartition("/")[2]
        return f"arn:aws:sts::{account}:assumed-role/{role}/{self.name}"

    @property
    def user_id(self) -> str:
        """Return an identifier of role and session in the form that STS gives it."""
        number = base64.b32encode(hashlib.sha256(self.role.encode()).digest())[:17].decode()
        return f"AROA{number}:{self.name}"


@dataclass(frozen=True)
class Issued:
    """The credentials of a session."""

    access_key: str
    secret_key: str
    token: str


class Sessions:
    """Issues credentials under one key, and knows them again."""

    def __init__(self, key: str) -> None:
        """Take the lab's session key."""
        self.key = key.encode()

    def derive(self, label: bytes, claims: bytes) -> bytes:
        """Return 32 bytes that only this key gives for these claims under this label."""
        return hmac.new(self.key, label + b"\0" + claims, hashlib.sha256).digest()

    def issue(self, session: Session) -> Issued:
        """Return the credentials of a session; two calls never return the same."""
        numbered = Session(**{**asdict(session), "number": secrets.token_hex(8)})
        return self.credentials(json.dumps(asdict(numbered), separators=(",", ":"), sort_keys=True).encode())

    def credentials(self, claims: bytes) -> Issued:
        """Return what is derived from claims."""
        number = base64.b32encode(self.derive(ACCESS_KEY, claims))[:16].decode()
        secret = base64.urlsafe_b64encode(self.derive(SECRET_KEY, claims)).decode().rstrip("=")
        code = self.derive(TOKEN, claims)
        return Issued(PREFIX + number, secret, base64.urlsafe_b64encode(claims + code).decode())

    def known(self, token: str) -> tuple[Session, Issued] | None:
        """Return the session of a token, and its credentials; None unless this key issued the token."""
        try:
            content = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            return None
        claims, code = content[:-32], content[-32:]
        if not hmac.compare_digest(code, self.derive(TOKEN, claims)):
            return None
        fields: dict[str, Any] = json.loads(claims)
        return Session(**fields), self.credentials(claims)
