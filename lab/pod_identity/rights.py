"""The rights that the service starts with, and gives up before it answers a request."""

from __future__ import annotations

import os
import socket

UNPRIVILEGED = 65534
"""Debian's unprivileged user and group: they own no file."""


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; ports below 1024 need NET_BIND_SERVICE ("capabilities(7)").

    Raises:
        OSError: the address is not on this machine, or the port is taken or not allowed.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(128)
    except OSError:
        made.close()
        raise
    made.setblocking(False)
    return made


def give_up() -> None:
    """Go on as UNPRIVILEGED, which takes every capability from this process for good; a user other than root stays.

    In a container a user other than root gets no capability that the image's files do not have, and those count only
    where privilege escalation is allowed: so the port is opened first, as root.
    """
    if os.geteuid() != 0:
        return
    os.setgroups([])
    os.setresgid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED)
    os.setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED)
