"""Loopback ports of the local engine: the defaults if they are free, otherwise others."""

from __future__ import annotations

import errno
import json
import os
import socket
import tempfile
from pathlib import Path

from lab import services
from lab.config import PortSettings
from lab.errors import PortTakenError
from lab.proc import SUPERVISOR_PID, lock, own_process
from lab.secrets import write_private

DEFAULTS = {name: port.default for name, port in services.ports().items()}
INTERNAL = "supervisor"
CLAIMED: dict[int, int] = {}
"""The ports that this process chose; each with a file, open until the process ends, that is locked for other labs.

The file holds the path of the chooser's ports.json: the claim lasts as long as that lab's supervisor, which still
starts services on the port if `lab up` is killed.
"""


def read(file: Path) -> dict[str, int]:
    """The ports in use by the lab, or none if it has not been up yet."""
    try:
        return {name: int(port) for name, port in json.loads(file.read_text("utf-8")).items()}
    except (FileNotFoundError, ValueError):
        return {}


def settle(file: Path, wanted: PortSettings) -> dict[str, int]:
    """Choose free ports, keeping those of last time, and write them to `file`. Call while no service runs.

    No other lab of this user chooses one of them while this process runs, or the lab's supervisor.

    Raises:
        PortTakenError: a port set by hand is in use; the message names the owner.
    """
    before = read(file)
    chosen: dict[str, int] = wanted.model_dump(exclude_none=True)
    for name, by_hand in chosen.items():
        require_free(name, by_hand, file)
    for name, default in DEFAULTS.items():
        if name not in chosen:
            chosen[name] = first_free([before.get(name, default), default], chosen, file)
    chosen[INTERNAL] = first_free([before.get(INTERNAL, 0)], chosen, file)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_private(file, json.dumps(chosen))
    return chosen


def require_free(name: str, port: int, file: Path) -> None:
    if not (is_free(port) and claim(port, file)):
        raise PortTakenError(
            f"ports.{name} = {port}: the port is in use by {owner(port)}",
            f"stop that program, set another ports.{name}, or leave it out and the lab finds a free one",
        )


def first_free(preferred: list[int], taken: dict[str, int], file: Path | None = None) -> int:
    for port in preferred:
        if port and port not in taken.values() and is_free(port) and claim(port, file):
            return port
    while True:
        port = any_free()
        if port not in taken.values() and claim(port, file):
            return port


def any_free() -> int:
    """A free port, chosen by the system."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def claim(port: int, file: Path | None = None) -> bool:
    """Whether the lab with this ports.json may use the port; False if another lab of this user is starting with it."""
    if port in CLAIMED:
        return True
    folder = Path(tempfile.gettempdir()) / f"lab-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.getuid():  # another user's folder: use no claims rather than it
        return True
    try:
        descriptor = lock(folder / str(port), wait=False)
    except BlockingIOError:
        return False
    chooser = os.read(descriptor, 4096).decode()
    if chooser and Path(chooser) != file and port in read(Path(chooser)).values() and is_supervised(Path(chooser)):
        os.close(descriptor)
        return False
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(file or "").encode(), 0)
    CLAIMED[port] = descriptor
    return True


def is_supervised(file: Path) -> bool:
    """Whether the supervisor of the lab with this ports.json runs."""
    home = file.parent.parent
    return own_process(home / SUPERVISOR_PID, home) is not None


def is_free(port: int) -> bool:
    """Whether the lab could listen there; a socket in the state TIME_WAIT does not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def owner(port: int) -> str:
    """`name (pid 123)` of the process that listens on `port`, if this user may see it."""
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            address = connection.laddr
            if connection.status == psutil.CONN_LISTEN and address and address.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return "another program (this user may not see which)"
