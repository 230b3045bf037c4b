"""Stand-ins for a service: answer 503 to everything, as Amazon S3 does when it is overloaded, or nothing.

They also keep the port, so that no other program of the machine takes it meanwhile. For pods it is also a program:
`python refusing.py PORT` needs nothing but the standard library.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# "Error responses" in the Amazon S3 API reference.
BODY = (
    b'<?xml version="1.0"?><Error><Code>ServiceUnavailable</Code><Message>Reduce your request rate.</Message></Error>'
)


class Refusal(BaseHTTPRequestHandler):
    """Answers every request with 503, and ends the connection: a body that was sent along is not read."""

    def answer(self) -> None:
        self.send_response(503)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(BODY)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(BODY)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 - the names of http.server

    def log_message(self, *_: object) -> None:
        pass


class Silence(socketserver.BaseRequestHandler):
    """Resets every connection at once, without reading anything."""

    def handle(self) -> None:
        # A linger of no seconds: closing is a reset (socket(7)).
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Silent(socketserver.ThreadingTCPServer):
    """Listens, and never answers."""

    allow_reuse_address = True
    daemon_threads = True

    def shutdown_request(self, request: Any) -> None:
        """End the connection without a shutdown, which would prevent the reset."""
        self.close_request(request)


@contextmanager
def refusing(host: str, port: int) -> Iterator[None]:
    """Answer 503 at that address while the block runs."""
    with serving(ThreadingHTTPServer((host, port), Refusal)):
        yield


@contextmanager
def resetting(host: str, port: int) -> Iterator[None]:
    """Reset every connection to that address while the block runs."""
    with serving(Silent((host, port), Silence)):
        yield


@contextmanager
def serving(stand_in: socketserver.TCPServer) -> Iterator[None]:
    with stand_in as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Refusal).serve_forever()  # noqa: S104 - in a pod
