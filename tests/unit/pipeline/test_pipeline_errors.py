"""Errors of the pipeline: one line, a hint, an exit code, whole after a trip between processes."""

import pickle

import pytest

from lab.pipeline.errors import DatasetError, PipelineError, UsageError


@pytest.mark.parametrize(("kind", "code"), [(PipelineError, 1), (UsageError, 64), (DatasetError, 65)])
def test_exit_code_follows_the_kind(kind: type[PipelineError], code: int) -> None:
    assert kind("wrong").exit_code == code


def test_text_is_one_line() -> None:
    error = DatasetError("a\nb\r\nc", "do this")
    assert (str(error), error.message, error.hint) == ("a b c", "a b c", "do this")


def test_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(DatasetError("wrong", "do this")))  # noqa: S301 - its own bytes
    assert (type(error), str(error), error.hint) == (DatasetError, "wrong", "do this")
