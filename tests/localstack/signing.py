"""Requests signed by botocore, and sent as a hostile client sends them: changed after they were signed."""

from __future__ import annotations

import http.client
from contextlib import closing
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from botocore.auth import EMPTY_SHA256_HASH, S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import get_current_datetime
from botocore.credentials import Credentials

from tests.localstack.conftest import PERSON

REGION = "us-east-1"
TIMESTAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Answer:
    """What LocalStack answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The error's code, or nothing."""
        return self.body.decode(errors="replace").partition("<Code>")[2].partition("</Code>")[0]


@dataclass(frozen=True)
class Request:
    """One request to the port at which LocalStack listens."""

    port: int
    method: str = "GET"
    target: str = "/"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def but(self, *, without: str = "", headers: dict[str, str] | None = None, **changed: Any) -> Request:
        """Return the request with changes: another field, further headers, or without one."""
        kept = {name: value for name, value in self.headers.items() if name.lower() != without.lower()}
        return replace(self, headers={**kept, **(headers or {})}, **changed)

    def send(self) -> Answer:
        """Send it unchanged, with no additional header."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.putrequest(self.method, self.target, skip_host=True, skip_accept_encoding=True)
            length = {} if "Transfer-Encoding" in self.headers else {"Content-Length": str(len(self.body))}
            for name, value in {**length, **self.headers}.items():
                connection.putheader(name, value)
            connection.endheaders(self.body)
            answer = connection.getresponse()
            return Answer(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read())


def signed(
    port: int,
    method: str,
    target: str,
    body: bytes = b"",
    keys: dict[str, str] | None = None,
    *,
    service: str = "s3",
    **headers: Any,
) -> Request:
    """A request that LocalStack lets in; underscores in the names of headers are hyphens."""
    spelt = {name.replace("_", "-"): value for name, value in {"Host": f"127.0.0.1:{port}", **headers}.items()}
    made = AWSRequest(method, f"http://{spelt['Host']}{target}", spelt, body)
    held = keys or PERSON
    credentials = Credentials(*(held.get(f"aws_{name}") for name in ("access_key_id", "secret_access_key")),
                              held.get("aws_session_token"))  # fmt: skip
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    kind(credentials, service, REGION).add_auth(made)
    return Request(port, method, target, dict(made.headers.items()), body)


class FixedPayload(S3SigV4Auth):  # type: ignore[misc]
    """A signer for bodies of another form than one hash."""

    form = ""

    def payload(self, request: Any) -> str:
        """Return the form."""
        return self.form


@dataclass(frozen=True)
class Chunked:
    """An upload in signed chunks, as "Signature Calculations for the Authorization Header: Transferring Payload in
    Multiple Chunks" of the Amazon S3 API reference describes it. botocore has none; other SDKs send them.
    """

    port: int
    key: str
    chunks: list[bytes]
    trailer: dict[str, str] = field(default_factory=dict)
    secret: str = PERSON["aws_secret_access_key"]

    def request(self) -> Request:
        """The request with its body."""
        credentials = Credentials(PERSON["aws_access_key_id"], self.secret)
        signer = FixedPayload(credentials, "s3", REGION)
        signer.form = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if self.trailer else "")
        headers = {
            "Host": f"127.0.0.1:{self.port}",
            "Content-Encoding": "aws-chunked",
            "X-Amz-Decoded-Content-Length": str(sum(map(len, self.chunks))),
            **({"X-Amz-Trailer": ",".join(self.trailer)} if self.trailer else {}),
        }
        made = AWSRequest("PUT", f"http://127.0.0.1:{self.port}/{self.key}", headers, b"")
        made.context["timestamp"] = get_current_datetime().strftime(TIMESTAMP)
        signer.add_auth(made)
        body = encode(signer, made, self.chunks, self.trailer)
        return Request(self.port, "PUT", f"/{self.key}", dict(made.headers.items()), body)


def encode(signer: Any, made: AWSRequest, chunks: list[bytes], trailer: dict[str, str]) -> bytes:
    """The chunks with their signatures, each of which continues the one before."""
    previous = made.headers["Authorization"].rpartition("Signature=")[2]
    scope = [made.context["timestamp"], signer.credential_scope(made)]
    parts = []
    for chunk in [*chunks, b""]:
        lines = ["AWS4-HMAC-SHA256-PAYLOAD", *scope, previous, EMPTY_SHA256_HASH, sha256(chunk).hexdigest()]
        previous = signer.signature("\n".join(lines), made)
        parts.append(f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk + (b"\r\n" if chunk else b""))
    if trailer:
        text = "".join(f"{name}:{value}\n" for name, value in sorted(trailer.items()))
        lines = ["AWS4-HMAC-SHA256-TRAILER", *scope, previous, sha256(text.encode()).hexdigest()]
        parts += [f"{name}:{value}\r\n".encode() for name, value in trailer.items()]
        parts.append(f"x-amz-trailer-signature:{signer.signature(chr(10).join(lines), made)}\r\n".encode())
    return b"".join([*parts, b"\r\n"])
