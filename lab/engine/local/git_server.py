"""The local engine's Git server: Git's own http-backend behind waitress, on loopback, with basic authentication.

The protocol is Git's (git-http-backend(1), a CGI program); this file only checks the password and carries bytes.
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

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
CHUNK = 1 << 16


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """WSGI: `/healthz` answers anyone, everything else is Git's for the one user."""
    if environ["PATH_INFO"] == "/healthz":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok\n"]
    if not authorized(environ.get("HTTP_AUTHORIZATION", "")):
        start_response("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="lab"'), ("Content-Type", "text/plain")])
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
    status, headers = read_headers(process.stdout)
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
        pass  # the other side has gone; its exit status tells the story


def read_headers(stream: IO[bytes]) -> tuple[str, list[tuple[str, str]]]:
    status, headers = "200 OK", []
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        if name.lower() == "status":
            status = value.strip()
        else:
            headers.append((name, value.strip()))
    return status, headers


def body(process: subprocess.Popen[bytes], stream: IO[bytes]) -> Iterator[bytes]:
    try:
        while chunk := stream.read1(CHUNK):  # type: ignore[attr-defined]
            yield chunk
    finally:
        stream.close()
        process.wait()


def main() -> None:
    from waitress import serve

    os.environ.setdefault("GIT_CONFIG_NOSYSTEM", "1")
    serve(
        application,
        host="127.0.0.1",
        port=int(os.environ["GIT_SERVER_PORT"]),
        threads=8,
        ident="lab-git",
        max_request_body_size=1 << 34,
    )


if __name__ == "__main__":
    main()
