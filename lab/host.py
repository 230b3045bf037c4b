"""The lab's requirements on the machine, checked before anything is changed."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab.errors import HostError, ProgramError
from lab.paths import Paths
from lab.pins import pins, version_tuple
from lab.proc import run

MIB = 1 << 20
INSTALL_DISK: int = pins()["host"]["install-disk"] * MIB
RUN_DISK: int = pins()["host"]["run-disk"] * MIB
RUN_MEMORY: int = pins()["host"]["run-memory"] * MIB
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
FEW_INSTANCES = 128
"""The kernel's own limit for each user. The nodes of all clusters count as one: root."""
INOTIFY_HINT = "sudo sysctl fs.inotify.max_user_instances=512"


@dataclass(frozen=True)
class Check:
    """One check: `ok`, `warn` or `fail`, what was found, and what to do."""

    name: str
    state: str
    found: str
    hint: str = ""


def require_host(paths: Paths, *, installs: bool, starts: bool) -> None:
    """Refuse a machine on which the lab could not come up.

    Raises:
        HostError: the first thing that is missing, with how much of it.
    """
    for check in checks(paths, installs=installs, starts=starts):
        if check.state == "fail":
            raise HostError(check.found, check.hint)


def require_kind_host(paths: Paths, *, builds: bool) -> None:
    """Refuse a machine on which a cluster could not come up.

    Raises:
        HostError: the first thing that is missing, with how much of it.
    """
    for check in kind_checks(paths, builds=builds):
        if check.state == "fail":
            raise HostError(check.found, check.hint)


def kind_checks(paths: Paths, *, builds: bool) -> list[Check]:
    needed = pins()["host"]
    disk_needed = needed["kind-build-disk" if builds else "kind-run-disk"] * MIB
    return [python(), git(), disk(paths.source, disk_needed), memory(needed["kind-memory"] * MIB)]


def checks(paths: Paths, *, installs: bool, starts: bool) -> list[Check]:
    found = [python(), git(), git_backend(), disk(paths.source, INSTALL_DISK if installs else RUN_DISK)]
    if starts:
        found.append(memory(RUN_MEMORY))
    return found


def python() -> Check:
    version = platform.python_version()
    return Check("Python", "ok", f"Python {version}")


def git() -> Check:
    minimum = pins()["git"]["minimum"]
    try:
        version = run(["git", "--version"], limit=10).stdout.split()[2]
    except ProgramError:
        return Check("Git", "fail", "git is not installed", "install it (apt install git · brew install git)")
    if version_tuple(version) < version_tuple(minimum):
        return Check(
            "Git", "fail", f"git {version} is too old: the lab needs {minimum} or newer", "install a newer Git"
        )
    return Check("Git", "ok", f"git {version}")


def git_backend() -> Check:
    """`git http-backend` is part of Git, but some distributions package it separately."""
    try:
        folder = Path(run(["git", "--exec-path"], limit=10).stdout.strip())
    except ProgramError:
        return Check("Git over HTTP", "fail", "git is not installed", "install it (apt install git · brew install git)")
    if not (folder / "git-http-backend").exists():
        return Check(
            "Git over HTTP",
            "fail",
            "git has no http-backend",
            "install it (apk add git-daemon · apt install git)",
        )
    return Check("Git over HTTP", "ok", "git http-backend is there")


def disk(folder: Path, needed: int) -> Check:
    free = shutil.disk_usage(folder).free
    if free < needed:
        found = f"not enough disk space: {free / MIB:,.0f} MiB free in {folder}, {needed / MIB:,.0f} MiB needed"
        return Check("disk", "fail", found, "free some space, or clone the lab to another disk")
    return Check("disk", "ok", f"{free / MIB:,.0f} MiB free, {needed / MIB:,.0f} needed")


def memory(needed: int) -> Check:
    free = psutil.virtual_memory().available
    if free < needed:
        found = f"not enough memory: {free / MIB:,.0f} MiB available, {needed / MIB:,.0f} MiB needed"
        return Check("memory", "fail", found, "close other programs, or stop another lab (make lab-down there)")
    return Check("memory", "ok", f"{free / MIB:,.0f} MiB available, {needed / MIB:,.0f} needed")


def inotify(others: int) -> Check:
    """Whether systemd in another node can watch files, while `others` run."""
    limit = int(INOTIFY.read_text("utf-8")) if INOTIFY.exists() else 0  # 0: a system that has no such limit
    setting = f"fs.inotify.max_user_instances is {limit}" if limit else "no limit of instances"
    if others and 0 < limit <= FEW_INSTANCES:
        nodes = "another kind node runs" if others == 1 else f"{others} other kind nodes run"
        return Check("inotify", "warn", f"{setting}, and {nodes}: systemd may fail in the lab's", INOTIFY_HINT)
    return Check("inotify", "ok", setting)


def docker_ports(version: str, system: str = sys.platform) -> Check:
    """Whether this Docker keeps ports that are published on loopback from other machines of the same network.

    Linux only: elsewhere Docker runs in a virtual machine. Sources: moby/moby#45610 (fixed in 28.0) and
    CVE-2025-54388 (again, after firewalld reloads, until 28.3.3).
    """
    safe = pins()["docker"]["loopback"]
    if system != "linux" or version_tuple(version) >= version_tuple(safe):
        return Check("Docker's ports", "ok", "published on loopback only")
    found = (
        f"Docker {version} may let machines of the same network reach the lab's ports, which are published on loopback"
    )
    return Check(
        "Docker's ports", "warn", found, f"install Docker {safe} or newer, or stay off networks you do not trust"
    )


def full_disk(error: OSError) -> HostError | None:
    """The error for a full disk, if this is one."""
    # Of several files at once (shutil.Error) there is only the text.
    if error.errno not in {errno.ENOSPC, errno.EDQUOT} and os.strerror(errno.ENOSPC) not in str(error):
        return None
    place = error.filename2 or error.filename  # a copy names what it reads first
    where = f" at {place}" if place else ""
    return HostError(f"the disk is full{where}", "free some space, then the same command continues from here")
