"""The values of generated secrets."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable


def token(count: int) -> Callable[[], str]:
    """A generator of random text from this many random bytes (secrets.token_urlsafe)."""
    return lambda: secrets.token_urlsafe(count)


def access_key_id() -> str:
    """An AWS access key id in neither form that LocalStack reads an account id from; AWS's begin with AKIA or ASIA."""
    return "LAB" + base64.b32encode(secrets.token_bytes(10)).decode().rstrip("=")


def fernet_key() -> str:
    """A key of Fernet: 32 random bytes in URL-safe base64 (its specification, "Key Format")."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()
