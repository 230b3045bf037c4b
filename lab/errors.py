"""The lab's errors: one line that says what is wrong, one hint, one exit code each.

The exit codes are part of the command line's contract and are listed in README.md.
"""

from __future__ import annotations


class LabError(Exception):
    """Base of every error that users see; `message` is one line, `hint` says what to do."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "", detail: str = "") -> None:
        """`detail` is further evidence (a program's last lines), printed below the message as it is."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail


class CheckFailedError(LabError):
    """A check found a fault (`lab verify`, `lab doctor`), or a run failed."""

    exit_code = 1


class SettingsError(LabError):
    """A setting in lab.toml, LAB_* or a flag is unknown or has a wrong value, or names what is not the lab's."""

    exit_code = 3


class HostError(LabError):
    """The machine lacks something: a program, Docker, disk, memory, a supported Python."""

    exit_code = 4


class NetworkError(LabError):
    """Packages or images could not be fetched."""

    exit_code = 5


class NotRunningError(LabError):
    """The command needs a running lab."""

    exit_code = 6


class BusyError(LabError):
    """Another lab command holds the lab's lock."""

    exit_code = 7


class PortTakenError(LabError):
    """A port that was set by hand is in use."""

    exit_code = 8


class NotFoundError(LabError):
    """Nothing of that name exists: no run, service, branch, folder, secret."""

    exit_code = 9


class NoSuchVersionError(NotFoundError):
    """No data version of that name exists, or several do."""


class ServiceError(LabError):
    """A service of the lab failed, or was not ready within its limit."""

    exit_code = 10


class ProgramError(LabError):
    """A program that the lab ran failed; `detail` holds its last lines."""

    exit_code = 11


class CloudError(LabError):
    """AWS, or the cluster on it, refused or could not be reached."""

    exit_code = 12


class StoppedError(LabError):
    """The user pressed Ctrl-C; the message says what continues without the command."""

    exit_code = 130
