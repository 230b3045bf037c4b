"""A dataset's pointer: read as DVC writes it, and refused with its name where it is anything else."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.pipeline.errors import DatasetError
from lab.pipeline.pointer import Pointer, parse

MD5 = "0123456789abcdef0123456789abcdef"
NAME = "datasets/d.csv.dvc"
WRITTEN = f"outs:\n- md5: {MD5}\n  size: 10\n  hash: md5\n  path: d.csv\n"
BROKEN = [
    "", "outs", "- a", "outs:", "outs: []", "outs: x", "outs: 3", "outs: [[], []]", "\t", "a: [b", "\x00",
    "!!python/x y",
    f"{WRITTEN}- md5: {MD5}\n  size: 1\n  path: e.csv\n", WRITTEN.replace("10", "many"), WRITTEN.replace("10", ".inf"),
    WRITTEN.replace("10", "-1"), WRITTEN.replace("10", ""), WRITTEN.replace(MD5, MD5[:-1]),
    WRITTEN.replace(MD5, f"{MD5}.dir"),
    WRITTEN.replace(MD5, MD5.upper()), WRITTEN.replace("  path: d.csv\n", ""), WRITTEN.replace("  size: 10\n", ""),
]  # fmt: skip


def test_what_dvc_writes_is_read() -> None:
    assert parse(WRITTEN, NAME) == Pointer(MD5, 10, "d.csv")


@pytest.mark.parametrize("md5", ["12345678901234567890123456789012", "00000000000000000000000000000001"])
def test_an_md5_of_digits_only_stays_what_it_is(md5: str) -> None:
    assert parse(WRITTEN.replace(MD5, f"'{md5}'"), NAME).md5 == md5


@pytest.mark.parametrize("text", BROKEN)
def test_anything_else_is_refused_on_one_line_that_names_the_file(text: str) -> None:
    with pytest.raises(DatasetError) as caught:
        parse(text, NAME)
    assert caught.value.message.startswith(NAME)
    assert "\n" not in caught.value.message
    assert caught.value.hint


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.text(alphabet="outsmd5ize: -[]{}\n'\"0123456789abf.&*!|>?,#%")))
def test_no_text_at_all_breaks_the_reader(text: str) -> None:
    for candidate in (text, f"outs:\n- {text}", WRITTEN.replace("10", text)):
        with contextlib.suppress(DatasetError):
            assert len(parse(candidate, NAME).md5) == 32
