"""The local engine's Git server: Git's own http-backend behind waitress, on loopback, with basic authentication.

The protocol is Git's (git-http-backend(1), a CGI program); this file only checks the password and carries bytes. A
request with a body is refused by its headers: nothing is read without the password, and no more than LARGEST with it.
Run as a service with GIT_SERVER_PORT, GIT_PROJECT_ROOT, GITSYNC_USERNAME and GITSYNC_PASSWORD in its environment.
"""

from __future__ import annotations

import base64
import hmac
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server
from waitress.utilities import Error

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
CHUNK = 1 << 16
LARGEST = 2 << 30
"""Bytes of one request: a push of DAGs and pointers is far smaller, and data is in the bucket."""
CHALLENGE = ("WWW-Authenticate", 'Basic realm="lab"')


class NoHeadersError(Exception):
    """The backend ended before it had sent its headers."""


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """WSGI: `/healthz` answers anyone, everything else is Git's for the one user."""
    if environ["PATH_INFO"] == "/healthz":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok\n"]
    if not authorized(environ.get("HTTP_AUTHORIZATION", "")):
        start_response("401 Unauthorized", [CHALLENGE, ("Content-Type", "text/plain")])
        return [b"user and password, please: lab-up says where the password is\n"]
    return backend(environ, start_response)


def authorized(header: str) -> bool:
    scheme, _, encoded = header.partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True)
    except ValueError:
        return False
    wanted = f"{os.environ['GITSYNC_USERNAME']}:{os.environ['GITSYNC_PASSWORD']}".encode()
    return scheme.lower() == "basic" and hmac.compare_digest(given, wanted)


def backend(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    process = subprocess.Popen(
        ["git", "http-backend"],  # noqa: S607 - the git on PATH
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=cgi_variables(environ),
    )
    assert process.stdin is not None  # noqa: S101 - by PIPE above
    assert process.stdout is not None  # noqa: S101
    # A thread feeds the request, so that neither side can wait for the other with its pipe full.
    threading.Thread(target=feed, args=(environ["wsgi.input"], process.stdin), daemon=True).start()
    try:
        status, headers = read_headers(process.stdout)
    except NoHeadersError:
        process.stdout.close()
        process.wait()
        start_response("502 Bad Gateway", [("Content-Type", "text/plain")])
        return [b"git http-backend ended without an answer; its last lines are in the log of the service git\n"]
    start_response(status, headers)
    return body(process, process.stdout)


def cgi_variables(environ: dict[str, Any]) -> dict[str, str]:
    """RFC 3875's variables for http-backend; GIT_PROTOCOL carries protocol version 2."""
    carried = ("PATH_INFO", "QUERY_STRING", "REQUEST_METHOD", "CONTENT_TYPE", "CONTENT_LENGTH", "REMOTE_ADDR")
    variables = {name: str(environ.get(name, "")) for name in carried}
    secret = ("GITSYNC_PASSWORD", "AWS_SECRET_ACCESS_KEY")
    return {
        **{name: value for name, value in os.environ.items() if name not in secret},
        **variables,
        "HTTP_CONTENT_ENCODING": environ.get("HTTP_CONTENT_ENCODING", ""),
        "GIT_PROTOCOL": environ.get("HTTP_GIT_PROTOCOL", ""),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REMOTE_USER": os.environ["GITSYNC_USERNAME"],
    }


def feed(source: IO[bytes], target: IO[bytes]) -> None:
    try:
        shutil.copyfileobj(source, target, CHUNK)
        target.close()
    except (BrokenPipeError, ConnectionError):
        pass  # the other side has closed the pipe; its exit status says why


def read_headers(stream: IO[bytes]) -> tuple[str, list[tuple[str, str]]]:
    """The status and the headers up to the blank line that ends them (RFC 3875, 6.2).

    Raises:
        NoHeadersError: the stream ended before it.
    """
    status = "200 OK"
    headers: list[tuple[str, str]] = []
    while line := stream.readline():
        name, _, value = line.decode("latin-1").strip().partition(":")
        if not name:
            return status, headers
        if name.lower() == "status":
            status = value.strip()
        else:
            headers.append((name, value.strip()))
    raise NoHeadersError


def body(process: subprocess.Popen[bytes], stream: IO[bytes]) -> Iterator[bytes]:
    try:
        while chunk := stream.read1(CHUNK):  # type: ignore[attr-defined]
            yield chunk
    finally:
        stream.close()
        process.wait()


class UnauthorizedError(Error):  # type: ignore[misc]
    """What waitress answers to a request before it reads the body."""

    code, reason = 401, "Unauthorized"

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        status, headers, content = super().to_response(ident)
        return status, [CHALLENGE, *headers], content


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """Ends a request with its headers where a body is announced without the password: waitress would read it first."""

    completed: bool

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.headers_finished and not self.completed and not authorized(self.headers.get("AUTHORIZATION", "")):
            self.error = UnauthorizedError("user and password, please: lab-up says where the password is")
            self.completed = True
            self.expect_continue = False
        return consumed


class Channel(HTTPChannel):  # type: ignore[misc]
    parser_class = Parser


def main() -> None:
    os.environ.setdefault("GIT_CONFIG_NOSYSTEM", "1")
    server = create_server(
        application,
        host="127.0.0.1",
        port=int(os.environ["GIT_SERVER_PORT"]),
        threads=8,
        ident="lab-git",
        max_request_body_size=LARGEST,
    )
    server.channel_class = Channel
    server.run()


if __name__ == "__main__":
    main()
