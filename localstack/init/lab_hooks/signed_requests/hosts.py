"""At which addresses LocalStack may be reached, and that no page of another origin reaches it.

A page in a browser can send requests to loopback. Those to its own host name, which its owner has resolved to loopback
("DNS rebinding"), carry that name in ``Host``; all others carry the page's ``Origin``, except for what a link or an
image can do, which needs a signature like every request.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from lab_hooks.signed_requests.errors import access_denied

__all__ = ["Hosts"]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Hosts:
    """The values of ``Host`` that are accepted: names with a port, and names with any port."""

    def __init__(self, names: Iterable[str]) -> None:
        """Take ``name:port`` and ``name``."""
        self.names = {name.lower() for name in names}

    @classmethod
    def of(cls, listen: Iterable[Any], further: str) -> "Hosts":
        """Accept loopback at the ports that LocalStack listens on, and further names separated by commas."""
        own = [f"{name}:{address.port}" for address in listen for name in LOOPBACK]
        return cls([*own, *(name.strip() for name in further.split(",") if name.strip())])

    def require(self, request: Any) -> None:
        """Return if a request came to one of them, and from no page of another; raises a ``Refusal`` otherwise."""
        found = request.headers.getlist("Host")
        if len(found) != 1 or not self.knows(found[0]):
            message = f"The host {', '.join(found)[:100]!r} is not one of this lab's; LAB_S3_HOSTS may name it."
            raise access_denied(message)
        origins = request.headers.getlist("Origin")
        if origins and origins not in ([f"{scheme}://{found[0]}"] for scheme in ("http", "https")):
            raise access_denied("Requests from pages of another origin are refused.")

    def knows(self, host: str) -> bool:
        """Return whether it is accepted."""
        host = host.lower()
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        bare = f"[{name}]" if ":" in name else name
        return (host if ":" in host.removeprefix(bare) else f"{host}:80") in self.names or bare in self.names
