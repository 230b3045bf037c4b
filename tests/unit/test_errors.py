"""The command line's contract of exit codes."""

from __future__ import annotations

from lab.errors import LabError, StoppedError


def every_subclass(kind: type[LabError]) -> list[type[LabError]]:
    return [each for direct in kind.__subclasses__() for each in (direct, *every_subclass(direct))]


def test_each_kind_of_error_has_its_own_exit_code() -> None:
    codes = [kind.exit_code for kind in LabError.__subclasses__()]
    assert len(codes) == len(set(codes))


def test_what_is_a_kind_of_an_error_has_its_exit_code() -> None:
    """Code that handles `SettingsError` by its code handles each of its kinds."""
    for kind in LabError.__subclasses__():
        assert {each.exit_code for each in every_subclass(kind)} <= {kind.exit_code}


def test_no_error_takes_a_code_with_another_meaning() -> None:
    """0 is success, 2 a wrong call (the parser's too), from 126 on the shell's: 130 is Ctrl-C's."""
    shells = {kind.exit_code for kind in every_subclass(LabError) if not 0 < kind.exit_code < 126}
    assert shells == {StoppedError.exit_code}
