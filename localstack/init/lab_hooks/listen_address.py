"""Make LocalStack listen on the addresses in ``GATEWAY_LISTEN``, and on no other.

LocalStack's default server reads ``GATEWAY_LISTEN=127.0.0.1:4566`` but opens IPv4 ports on *all* interfaces:
it builds ``TCP4ServerEndpoint(reactor, port)`` without the interface (LocalStack 4.13.1,
``localstack.runtime.server.twisted``, marked "TODO: interface = host?"). Its other server, hypercorn, binds
right but takes a request body that broke off for a whole one, so an interrupted upload becomes a truncated
object. Hence the default server, with the interface filled in.
"""

import socket
from collections import defaultdict
from typing import Any

from localstack.runtime.server import twisted as server
from twisted.internet import endpoints

from localstack import config

__all__ = ["install"]


class AddressedEndpoints:
    """Stands in for ``twisted.internet.endpoints`` in LocalStack's server; fills in the interface."""

    TCP6ServerEndpoint = endpoints.TCP6ServerEndpoint

    def __init__(self, listen: list[Any]) -> None:
        """Take the parsed ``GATEWAY_LISTEN``, in the order in which the server asks for endpoints."""
        self.hosts: dict[int, list[str]] = defaultdict(list)
        for address in listen:
            if not config.is_ipv6_address(address.host):
                self.hosts[address.port].append(socket.gethostbyname(address.host))

    def TCP4ServerEndpoint(self, reactor: Any, port: int) -> Any:  # noqa: N802 (LocalStack's name)
        """Return an endpoint on the next host that was asked for at this port."""
        make: Any = endpoints.TCP4ServerEndpoint
        return make(reactor, port, interface=self.hosts[port].pop(0))


def install() -> None:
    """Replace the endpoint factory of LocalStack's server. Raises if LocalStack does not use it any more."""
    if config.GATEWAY_SERVER != "twisted":
        raise RuntimeError(f"GATEWAY_SERVER={config.GATEWAY_SERVER} stores truncated uploads: leave it unset")
    names = server.TwistedRuntimeServer.register.__code__.co_names
    module: Any = server  # LocalStack's types don't know that anything could be replaced
    if getattr(module, "endpoints", None) is not endpoints or "TCP4ServerEndpoint" not in names:
        raise RuntimeError("this LocalStack opens its port in another way than 4.13.1: can't bind its address")
    module.endpoints = AddressedEndpoints(config.GATEWAY_LISTEN)
