"""The signature that a request should have, computed by botocore's own signers, and its comparison.

Signature Version 4 as in "Authenticating Requests (AWS Signature Version 4)" of the Amazon S3 API reference.
"""

import hashlib
import hmac
import time
from calendar import timegm
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

from botocore.auth import SIGV4_TIMESTAMP, UNSIGNED_PAYLOAD, S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from localstack.services.s3.presigned_url import HmacV1QueryAuthValidation, _reverse_inject_signature_hmac_v1_query

from lab_hooks.signed_requests.errors import Refusal, access_denied, mismatch
from lab_hooks.signed_requests.keys import Caller, Keys

__all__ = ["SERVICES", "Signed", "verified"]

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICES = ("s3", "sts", "iam")
SKEW = 15 * 60
"""Seconds that the clocks of client and server may differ."""
LONGEST = 7 * 24 * 3600
"""Seconds for which a presigned URL may hold."""
LONGEST_FORM = 1 << 20
"""Bytes of a request to STS or IAM; none of their calls needs more."""
QUERY_NAMES = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")


class Expected(S3SigV4Auth):  # type: ignore[misc]
    """botocore's signer for a request that came in: it signs exactly the headers that the client named."""

    def headers_to_sign(self, request: Any) -> Any:
        """Return them all: the request has no others."""
        return request.headers

    def payload(self, request: Any) -> str:
        """Return what stands for the body where no signed header says it."""
        found: str = request.context["payload"]
        return found


@dataclass(frozen=True)
class Claim:
    """What a request says of its signature."""

    access_key: str
    date: str
    region: str
    service: str
    headers: list[str]
    signature: str
    timestamp: str
    token: str | None
    expires: int | None = None
    """Seconds; None unless the signature is in the query."""

    @property
    def time(self) -> int:
        """Return when it was signed, in seconds since 1970."""
        return timegm(time.strptime(self.timestamp, SIGV4_TIMESTAMP))


@dataclass(frozen=True)
class Signed:
    """A request with a correct signature, and what computes the signatures of its chunks."""

    caller: Caller
    service: str
    signature: str
    signer: Any
    request: Any

    def sign(self, kind: str, *lines: str) -> str:
        """Return the signature of a part of the body; ``kind`` is the first line of what is signed."""
        text = "\n".join([kind, self.request.context["timestamp"], self.signer.credential_scope(self.request), *lines])
        signature: str = self.signer.signature(text, self.request)
        return signature


def verified(request: Any, keys: Keys) -> Signed:
    """Return who signed a request; raises the ``Refusal`` of one without a correct signature."""
    authorization, is_url = request.headers.get("Authorization", ""), "X-Amz-Signature" in request.args
    if authorization and is_url:
        raise Refusal("InvalidArgument", "Only one auth mechanism allowed", 400)
    if authorization.startswith(ALGORITHM):
        return verified_v4(request, header_claim(request, authorization), keys)
    if authorization:
        message = f"The authorization mechanism you have provided is not supported. Please use {ALGORITHM}."
        raise Refusal("InvalidRequest", message, 400)
    if is_url:
        return verified_v4(request, query_claim(request), keys)
    if "AWSAccessKeyId" in request.args:
        return verified_v2(request, keys)
    if "x-www-form-urlencoded" in request.headers.get("Content-Type", "") or "Action" in request.args:
        raise Refusal("MissingAuthenticationToken", "Request is missing Authentication Token", 403, "sts")
    raise access_denied("Access Denied")


def header_claim(request: Any, authorization: str) -> Claim:
    """Return what the header Authorization says."""
    try:
        parts = dict(part.strip().split("=", 1) for part in authorization.removeprefix(ALGORITHM).split(","))
        scope, headers, signature = parts["Credential"], parts["SignedHeaders"], parts["Signature"]
        fields = claimed(scope, headers, signature, request.headers.get("X-Amz-Date", ""))
    except (ValueError, KeyError):
        raise malformed() from None
    claim = Claim(**fields, token=request.headers.get("X-Amz-Security-Token"))
    if abs(time.time() - claim.time) > SKEW:
        message = "The difference between the request time and the current time is too large."
        code, status = ("RequestTimeTooSkewed", 403) if claim.service == "s3" else ("SignatureDoesNotMatch", 403)
        raise Refusal(code, message, status, claim.service)
    return claim


def query_claim(request: Any) -> Claim:
    """Return what the query of a presigned URL says."""
    try:
        found = {name: request.args[f"X-Amz-{name}"] for name in QUERY_NAMES}
        fields = claimed(found["Credential"], found["SignedHeaders"], found["Signature"], found["Date"])
        expires = int(found["Expires"])
    except (ValueError, KeyError):
        raise malformed() from None
    if found["Algorithm"] != ALGORITHM or not 0 < expires <= LONGEST:
        raise malformed()
    claim = Claim(**fields, token=request.args.get("X-Amz-Security-Token"), expires=expires)
    if claim.time - SKEW > time.time():
        raise access_denied("Request is not valid yet", claim.service)
    return claim


def claimed(scope: str, headers: str, signature: str, timestamp: str) -> dict[str, Any]:
    """Return the fields of a claim; raises ``ValueError`` for what is not well-formed."""
    access_key, date, region, service, ending = scope.split("/")
    time.strptime(timestamp, SIGV4_TIMESTAMP)
    if ending != "aws4_request" or service not in SERVICES or not timestamp.startswith(date) or len(date) != 8:
        raise ValueError(scope)
    return {
        "access_key": access_key,
        "date": date,
        "region": region,
        "service": service,
        "headers": headers.split(";"),
        "signature": signature,
        "timestamp": timestamp,
    }


def malformed() -> Refusal:
    """Return the refusal of an authorization that cannot be read."""
    message = "The authorization header is malformed; it needs the scope of s3, sts or iam and the date of the request."
    return Refusal("AuthorizationHeaderMalformed", message, 400)


def verified_v4(request: Any, claim: Claim, keys: Keys) -> Signed:
    """Return who signed a request by Version 4."""
    caller = keys.caller(claim.access_key, claim.token, claim.service)
    require_signed_headers(request, claim)
    signer = Expected(Credentials(caller.access_key, caller.secret_key), claim.service, claim.region)
    expected = expected_request(request, claim)
    signature = signer.signature(signer.string_to_sign(expected, signer.canonical_request(expected)), expected)
    if not hmac.compare_digest(signature.encode(), claim.signature.encode()):
        raise mismatch(claim.service)
    if claim.expires is not None and time.time() > claim.time + claim.expires:
        raise access_denied("Request has expired", claim.service)
    return Signed(caller, claim.service, signature, signer, expected)


def require_signed_headers(request: Any, claim: Claim) -> None:
    """Raise unless Host and all of Amazon's headers are signed: others can be added to a signed request."""
    needed = {name.lower() for name, _ in request.headers if name.lower().startswith("x-amz-")} | {"host"}
    if claim.expires is not None and request.headers.get("X-Amz-Content-SHA256") == UNSIGNED_PAYLOAD:
        needed.discard("x-amz-content-sha256")  # which is what a presigned URL says anyway
    if missing := needed - set(claim.headers):
        raise access_denied(
            f"There were headers present in the request which were not signed: {', '.join(sorted(missing))}",
            claim.service,
        )


def expected_request(request: Any, claim: Claim) -> AWSRequest:
    """Return the request as botocore signs it: with path and query as they came, and the signed headers alone."""
    path, _, query = request.environ["RAW_URI"].partition("?")
    if not path.startswith("/"):  # "absolute-form" of RFC 9112
        path = "/" + path.partition("://")[2].partition("/")[2]
    pairs = [(unquote(name), unquote(value)) for name, _, value in (p.partition("=") for p in query.split("&") if p)]
    expected = AWSRequest(
        method=request.method,
        url="http://signed" + quote(unquote_to_bytes(path), safe="/-_.~"),
        params=[pair for pair in pairs if pair[0] != "X-Amz-Signature"],
    )
    for name in claim.headers:
        for value in request.headers.getlist(name):
            expected.headers.add_header(name, value)
    expected.context |= {"timestamp": claim.timestamp, "payload": payload(request, claim)}
    return expected


def payload(request: Any, claim: Claim) -> str:
    """Return what stands for the body in the signature; STS and IAM take the hash of a body that is read here."""
    if claim.service == "s3":
        if claim.expires is None and "x-amz-content-sha256" not in claim.headers:
            raise Refusal("InvalidRequest", "Missing required header for this request: x-amz-content-sha256", 400)
        return str(UNSIGNED_PAYLOAD)
    if (request.content_length or 0) > LONGEST_FORM:
        raise Refusal("RequestEntityTooLarge", "The request is too large", 413, claim.service)
    found = hashlib.sha256(request.get_data()).hexdigest()
    if request.headers.get("X-Amz-Content-SHA256", found) != found:
        raise mismatch(claim.service)
    return found


def verified_v2(request: Any, keys: Keys) -> Signed:
    """Return who signed a URL by Version 2, with botocore's signer as LocalStack prepares it."""
    arguments = request.args
    try:
        given, expires = arguments["Signature"].replace(" ", "+"), int(arguments["Expires"])
    except (KeyError, ValueError):
        needed = "Signature, Expires and AWSAccessKeyId"
        raise access_denied(f"Query-string authentication requires the {needed} parameters") from None
    token = arguments.get("x-amz-security-token")
    caller = keys.caller(arguments["AWSAccessKeyId"], token, "s3")
    signer = HmacV1QueryAuthValidation(Credentials(caller.access_key, caller.secret_key, token), expires=expires)
    split, headers = _reverse_inject_signature_hmac_v1_query(request)
    signature, _ = signer.get_signature(request.method, split, headers)
    if not hmac.compare_digest(signature.encode(), given.encode()):
        raise mismatch("s3")
    if time.time() > expires:
        raise access_denied("Request has expired")
    return Signed(caller, "s3", signature, signer, None)
