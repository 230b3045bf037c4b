"""Requests of which LocalStack lets in none, each with the error that Amazon documents for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import botocore.auth
import pytest
from botocore.compat import get_current_datetime

from tests.localstack.conftest import AGENT, PERSON
from tests.localstack.signing import Chunked, Request, signed

KEY = "data/dvc/kept"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
IDENTITY = b"Action=GetCallerIdentity&Version=2011-06-15"
OTHER = {**PERSON, "aws_secret_access_key": "another secret"}


def get(port: int, **headers: str) -> Request:
    return signed(port, "GET", f"/{KEY}", b"", PERSON, **headers)


def put(port: int, keys: dict[str, str] | None = None) -> Request:
    return signed(port, "PUT", f"/{KEY}", b"other bytes", keys)


def at(moment: timedelta, make: Callable[[], Any]) -> Any:
    """What a client makes with a clock that is that much ahead."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: get_current_datetime() + moment)
        patch.setattr(time, "time", lambda real=time.time: real() + moment.total_seconds())
        return make()


Hostile = Callable[[int], Request]
HOSTILE: dict[str, tuple[Hostile, int, str]] = {
    "a list without a signature": (lambda port: Request(port, headers=host(port)), 403, "AccessDenied"),
    "a read without a signature": (lambda port: Request(port, "GET", f"/{KEY}", host(port)), 403, "AccessDenied"),
    "a write without a signature": (
        lambda port: Request(port, "PUT", f"/{KEY}", host(port), b"x"),
        403,
        "AccessDenied",
    ),
    "a deletion without one": (lambda port: Request(port, "DELETE", f"/{KEY}", host(port)), 403, "AccessDenied"),
    "another secret": (lambda port: put(port, OTHER), 403, "SignatureDoesNotMatch"),
    "an unknown key": (lambda port: put(port, {**OTHER, "aws_access_key_id": "AKIA"}), 403, "InvalidAccessKeyId"),
    "LocalStack's usual key": (
        lambda port: put(port, {"aws_access_key_id": "test", "aws_secret_access_key": "test"}),
        403,
        "InvalidAccessKeyId",
    ),
    "another path": (lambda port: put(port).but(target="/data/dvc/other"), 403, "SignatureDoesNotMatch"),
    "another query": (lambda port: put(port).but(target=f"/{KEY}?acl"), 403, "SignatureDoesNotMatch"),
    "another method": (lambda port: put(port).but(method="DELETE"), 403, "SignatureDoesNotMatch"),
    "other bytes": (lambda port: put(port).but(body=b"evil  bytes"), 400, "XAmzContentSHA256Mismatch"),
    "no bytes": (lambda port: put(port).but(body=b""), 400, "XAmzContentSHA256Mismatch"),
    "bytes said to be unsigned": (
        lambda port: put(port).but(headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}),
        403,
        "SignatureDoesNotMatch",
    ),
    "a body without a length": (
        lambda port: put(port).but(
            headers={"Transfer-Encoding": "chunked"}, without="Content-Length", body=b"1\r\nx\r\n0\r\n\r\n"
        ),
        411,
        "MissingContentLength",
    ),
    "a header of Amazon's that is not signed": (
        lambda port: put(port).but(headers={"x-amz-copy-source": "/data/dvc/kept"}),
        403,
        "AccessDenied",
    ),
    "a host that is not signed": (
        lambda port: put(port).but(
            headers={"Authorization": put(port).headers["Authorization"].replace("=host;", "=")}
        ),
        403,
        "AccessDenied",
    ),
    "Version 2 in the header": (
        lambda port: Request(port, headers={**host(port), "Authorization": "AWS LABPERSON:c2ln"}),
        400,
        "InvalidRequest",
    ),
    "no signature in the header": (
        lambda port: Request(port, headers={**host(port), "Authorization": "AWS4-HMAC-SHA256 Credential=x"}),
        400,
        "AuthorizationHeaderMalformed",
    ),
    "a signature for another service": (
        lambda port: signed(port, "GET", f"/{KEY}", service="sqs"),
        400,
        "AuthorizationHeaderMalformed",
    ),
    "two signatures": (
        lambda port: get(port).but(target=f"/{KEY}?X-Amz-Signature=0"),
        400,
        "InvalidArgument",
    ),
    "an old signature": (lambda port: at(-timedelta(minutes=16), lambda: put(port)), 403, "RequestTimeTooSkewed"),
    "one from the future": (lambda port: at(timedelta(minutes=16), lambda: put(port)), 403, "RequestTimeTooSkewed"),
    "a foreign host": (lambda port: get(port, Host="evil.example"), 403, "AccessDenied"),
    "a foreign host with the port": (lambda port: get(port, Host=f"evil.example:{port}"), 403, "AccessDenied"),
    "loopback at another port": (lambda port: get(port, Host="127.0.0.1:1"), 403, "AccessDenied"),
    "a bucket in the host": (lambda port: get(port, Host=f"data.s3.localhost:{port}"), 403, "AccessDenied"),
    "no host": (lambda port: get(port).but(without="Host"), 403, "AccessDenied"),
    "a page of another origin": (lambda port: get(port, Origin="https://evil.example"), 403, "AccessDenied"),
    "a page without an origin": (lambda port: get(port, Origin="null"), 403, "AccessDenied"),
    "a page of another port": (lambda port: get(port, Origin="http://127.0.0.1:8080"), 403, "AccessDenied"),
    "a page that asks first": (
        lambda port: Request(
            port,
            "OPTIONS",
            f"/{KEY}",
            {**host(port), "Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"},
        ),
        403,
        "AccessDenied",
    ),
    "the end of LocalStack": (
        lambda port: Request(port, "POST", "/_localstack/health", host(port), b'{"action": "kill"}'),
        403,
        "AccessDenied",
    ),
    "its end, signed": (
        lambda port: signed(port, "POST", "/_localstack/health", b'{"action": "kill"}'),
        403,
        "AccessDenied",
    ),
    "its state": (lambda port: Request(port, "PUT", "/_localstack/health", host(port), b"{}"), 403, "AccessDenied"),
    "its end in other letters": (
        lambda port: Request(port, "POST", "/%5flocalstack/health", host(port), b'{"action": "kill"}'),
        403,
        "AccessDenied",
    ),
    "its health for a page": (
        lambda port: Request(port, "GET", "/_localstack/health", {**host(port), "Origin": "https://evil.example"}),
        403,
        "AccessDenied",
    ),
    "its health at a foreign host": (
        lambda port: Request(port, "GET", "/_localstack/health", {"Host": "evil.example"}),
        403,
        "AccessDenied",
    ),
    "its settings": (lambda port: signed(port, "GET", "/_localstack/info"), 403, "AccessDenied"),
    "its other endpoints": (lambda port: signed(port, "GET", "/_aws/ses"), 403, "AccessDenied"),
    "a call that it believes to be its own": (
        lambda port: Request(port, "GET", f"/{KEY}", {**host(port), "x-localstack-data": "{}"}),
        403,
        "AccessDenied",
    ),
    "a form of a browser": (
        lambda port: Request(
            port,
            "POST",
            "/data",
            {**host(port), "Content-Type": "multipart/form-data; boundary=b"},
            b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nx\r\n--b\r\n'
            b'Content-Disposition: form-data; name="file"\r\n\r\nevil\r\n--b--\r\n',
        ),
        403,
        "AccessDenied",
    ),
    "signatures for another secret's chunks": (
        lambda port: Chunked(port, KEY, [b"x" * 70000], secret="another").request(),
        403,
        "SignatureDoesNotMatch",
    ),
    "a chunk too few": (
        lambda port: cut(Chunked(port, KEY, [b"x" * 70000, b"the last"]).request(), b"8;chunk-signature"),
        400,
        "IncompleteBody",
    ),
    "no chunk that says it is the last": (
        lambda port: cut(Chunked(port, KEY, [b"x" * 70000]).request(), b"0;chunk-signature"),
        400,
        "IncompleteBody",
    ),
    "a changed byte in a chunk": (
        lambda port: changed_body(Chunked(port, KEY, [b"x" * 70000, b"good"]).request(), b"good", b"evil"),
        403,
        "SignatureDoesNotMatch",
    ),
    "chunks in another order": (
        lambda port: swapped(Chunked(port, KEY, [b"one", b"two"]).request()),
        403,
        "SignatureDoesNotMatch",
    ),
    "a changed trailer": (
        lambda port: changed_body(
            Chunked(port, KEY, [b"x" * 10], {"x-amz-checksum-crc32": "AAAAAA=="}).request(), b"AAAAAA", b"BBBBBB"
        ),
        403,
        "SignatureDoesNotMatch",
    ),
    "chunks for a call that takes none": (
        lambda port: Chunked(port, "data?acl", [b"<AccessControlPolicy/>"]).request(),
        501,
        "NotImplemented",
    ),
    "any role, without a key": (
        lambda port: Request(port, "POST", "/", {**host(port), **FORM}, b"Action=AssumeRole&Version=2011-06-15"),
        403,
        "MissingAuthenticationToken",
    ),
    "a role for a token of the web": (
        lambda port: Request(
            port, "POST", "/", {**host(port), **FORM}, b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
        ),
        403,
        "MissingAuthenticationToken",
    ),
    "another form to STS": (
        lambda port: signed(port, "POST", "/", IDENTITY, AGENT, service="sts", **FORM).but(
            body=IDENTITY.replace(b"GetCallerIdentity", b"GetSessionToken")
        ),
        403,
        "SignatureDoesNotMatch",
    ),
}


def host(port: int) -> dict[str, str]:
    return {"Host": f"127.0.0.1:{port}"}


def changed_body(request: Request, old: bytes, new: bytes) -> Request:
    assert old in request.body
    return request.but(body=request.body.replace(old, new, 1))


def cut(request: Request, at: bytes) -> Request:
    assert at in request.body
    return request.but(body=request.body.partition(at)[0])


def swapped(request: Request) -> Request:
    return request.but(body=request.body.replace(b"one", b"___").replace(b"two", b"one").replace(b"___", b"two"))
