"""Errors of the pipeline: what is wrong, where, and the way out.

Exit codes are those of BSD's sysexits.h (https://man.freebsd.org/cgi/man.cgi?sysexits), so that a pod's
status alone distinguishes a bad argument from bad data.
"""

from typing import ClassVar


class PipelineError(Exception):
    """A failure the person who started the run can act on.

    `str()` is one line that says what is wrong and where; `hint` says what to do about it, or is empty.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        # Both go to `args`, so that the error survives pickling between processes.
        super().__init__(message, hint)
        self.message = " ".join(message.splitlines())
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class UsageError(PipelineError):
    """A parameter of the run makes no sense (EX_USAGE)."""

    exit_code: ClassVar[int] = 64


class DatasetError(PipelineError):
    """The dataset is missing, damaged, or not the version it should be (EX_DATAERR)."""

    exit_code: ClassVar[int] = 65
