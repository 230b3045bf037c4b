"""The owner of a projected service-account token, as the cluster that issued it says in a TokenReview."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import time
from collections import deque
from dataclasses import dataclass

from lab.pod_identity.cache import Cache
from lab.pod_identity.cluster import ClusterApi

AUDIENCE = "pods.eks.amazonaws.com"
SECONDS = 60
"""How long an answer is believed: so long can a deleted pod's token still be used."""
PATH = "/apis/authentication.k8s.io/v1/tokenreviews"
EXTRA = "authentication.kubernetes.io/"


REFUSED, REFUSED_IN = 10, 60
"""Tokens of one address that the cluster may refuse in so many seconds before others are refused unseen."""


class TooManyError(Exception):
    """This address has sent so many tokens that the cluster refused that it is not asked again for now."""


class BadTokenError(Exception):
    """No token, a forged or an expired one, one for another audience, or not a pod's. The message holds none of it."""


@dataclass(frozen=True)
class TokenPod:
    """Whom a token stands for, until `until` (seconds since 1970)."""

    namespace: str
    account: str
    name: str
    uid: str
    until: float


class Tokens:
    """Reviews tokens, and believes an answer for SECONDS, never longer than the token holds."""

    def __init__(self, cluster: ClusterApi) -> None:
        self.cluster = cluster
        self.cache: Cache[bytes, TokenPod] = Cache(lambda pod: pod.until)
        self.refused: dict[str, deque[float]] = {}

    async def pod(self, token: str, address: str) -> TokenPod:
        """The pod that this token was issued for; `address` is who sends it.

        Raises:
            BadTokenError: see there.
            TooManyError: see there.
            ClusterError: the cluster cannot be asked.
        """
        if not token:
            raise BadTokenError("there is no token in the header Authorization")
        return await self.cache.get(hashlib.sha256(token.encode()).digest(), lambda: self.limited(token, address))

    async def limited(self, token: str, address: str) -> TokenPod:
        """Review a token, unless this address has had too many refused."""
        self.forget_old()
        tries = self.refused.setdefault(address, deque())
        if len(tries) >= REFUSED:
            raise TooManyError(f"{REFUSED} tokens in {REFUSED_IN} seconds were refused; wait as long")
        # Counted until it is known to be good: many bad ones may come at the same moment.
        tries.append(started := time.monotonic())
        is_bad = False
        try:
            return await self.review(token)
        except BadTokenError:
            is_bad = True
            raise
        finally:
            if not is_bad:
                tries.remove(started)

    def forget_old(self) -> None:
        """Drop what counts no more, so that the record does not grow with the addresses that there ever were."""
        since = time.monotonic() - REFUSED_IN
        for address, tries in list(self.refused.items()):
            while tries and tries[0] < since:
                tries.popleft()
            if not tries:
                del self.refused[address]

    async def review(self, token: str) -> TokenPod:
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [AUDIENCE]},
        }
        status = (await self.cluster.create(PATH, body)).get("status", {})
        if not status.get("authenticated") or AUDIENCE not in status.get("audiences", []):
            reason = str(status.get("error", "not authenticated")).replace(token, "…")
            raise BadTokenError(f"the cluster does not accept the token: {reason}")
        user = status["user"]
        kind, _, account = user["username"].partition("system:serviceaccount:")
        extra = user.get("extra", {})
        if kind or f"{EXTRA}pod-uid" not in extra:
            raise BadTokenError("the token is not that of a pod")
        namespace, _, name = account.partition(":")
        until = min(time.time() + SECONDS, expiry(token))
        return TokenPod(namespace, name, extra[f"{EXTRA}pod-name"][0], extra[f"{EXTRA}pod-uid"][0], until)


def expiry(token: str) -> float:
    """The claim `exp` of a JWT that was reviewed (RFC 7519); 0 if it has none."""
    try:
        claims = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])
    except (IndexError, KeyError, ValueError, TypeError, binascii.Error):
        return 0
