"""Files, objects and receipts that are not what they should be: refused, or shown as they are, with no traceback."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from lab.cli.history import flat
from lab.lineage import needed
from lab.lineage.difference import difference
from lab.pipeline.append import append_rows
from lab.pipeline.errors import PipelineError
from lab.pipeline.log import CONTROL
from lab.pipeline.synthetic import generate
from tests.hostile.pointers import BOMB, MD5, WRITTEN


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("sound") / "d.csv"
    generate(file, 5, 7)
    return file.read_bytes()


def changed(sound: bytes, name: str) -> bytes:
    header, *rows = sound.splitlines(keepends=True)
    last = rows[-1].split(b",")
    return {
        "nothing": b"",
        "NUL": sound + b"\0",
        "NUL in a row": sound + b",".join([b"6", b"\0", *last[2:]]),
        "no header": b"".join(rows),
        "header alone": header.rstrip(b"\n") + b",extra\n",
        "header twice": header + header + b"".join(rows),
        "byte order mark": b"\xef\xbb\xbf" + sound,
        "UTF-16": sound.decode().encode("utf-16"),
        "no UTF-8": sound + b",".join([b"6", b"\xff\xfe", *last[2:]]),
        "carriage returns": sound.replace(b"\n", b"\r"),
        "an open quote": sound + b'"' + rows[-1],
        "a huge id": sound + b",".join([b"9" * 5000, *last[1:]]),
        "digits of another script": sound + b",".join(["٦".encode(), *last[1:]]),
        "a negative id": sound + b",".join([b"-1", *last[1:]]),
        "an id again": sound + rows[0],
        "a missing field": sound + b",".join([b"6", *last[2:]]),
        "a field too many": sound + b",".join([b"6", *last[1:-1], b"x", last[-1]]),
        "half a row": sound + b"6,",
        "a script": b"#!/bin/sh\ntouch executed\n",
        "HTML": b"<script>alert(1)</script>\n",
        "a long line": sound + b"6," + b"x" * 3_000_000 + b"\n",
    }[name]


@pytest.mark.parametrize("name", [
    "nothing", "NUL", "NUL in a row", "no header", "header alone", "header twice", "byte order mark", "UTF-16",
    "no UTF-8", "carriage returns", "an open quote", "a huge id", "digits of another script", "a negative id",
    "an id again", "a missing field", "a field too many", "half a row", "a script", "HTML", "a long line",
])  # fmt: skip
def test_a_hostile_file_is_refused_and_stays_as_it_is(tmp_path: Path, sound: bytes, name: str) -> None:
    content = changed(sound, name)
    file = tmp_path / "d.csv"
    file.write_bytes(content)
    with pytest.raises(PipelineError) as caught:
        append_rows(file, 2, "run", hashlib.md5(content, usedforsecurity=False).hexdigest(), len(content))
    assert "\n" not in caught.value.message
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 2000
    assert file.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["d.csv"]


class Bytes:
    """A stream as the object store gives it."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, size: int, /) -> bytes:
        part, self.content = self.content[:size], self.content[size:]
        return part


@pytest.mark.parametrize("name", ["nothing", "NUL", "no UTF-8", "an open quote", "a huge id", "HTML", "a long line",
                                  "UTF-16", "carriage returns", "header alone"])  # fmt: skip
def test_the_difference_to_a_hostile_file_is_a_fault_or_a_number(sound: bytes, name: str) -> None:
    for pair in ((sound, changed(sound, name)), (changed(sound, name), sound)):
        found = difference(Bytes(pair[0]), Bytes(pair[1]))
        assert found.fault or found.added + found.removed + found.changed > 0 or found.columns or name == "UTF-16"


def test_a_header_that_is_too_long_for_a_row_is_a_fault(sound: bytes) -> None:
    assert difference(Bytes(sound), Bytes(b'"' + b"x" * 1_000_000 + b'"\n')).fault


OBJECTS = [b"3", b"null", b"true", b'"x"', b"{}", b"[[]]", b"[null]", b"\xff", b"[" * 100_000, b'[{"md5": null}]',
           b'[{"md5": "../../x"}]', json.dumps([{"md5": MD5.upper()}]).encode()]  # fmt: skip


@pytest.mark.parametrize("content", OBJECTS, ids=lambda content: content[:12].decode("utf-8", "replace"))
def test_a_folders_object_that_is_no_list_of_files_is_recognised(content: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        needed.files_of(content)


@pytest.mark.parametrize(
    "text", [f"outs: &o\n- md5: '{MD5}'\n  path: *o\n", f"{BOMB}{WRITTEN}", f"outs: {'[' * 1000}", "x" * 100]
)
def test_a_collector_reads_any_pointer_in_bearable_time(text: str) -> None:
    with contextlib.suppress(needed.UnreadableError):
        assert {md5 for md5, _ in needed.named(text)} == {MD5}


@pytest.mark.parametrize(
    "receipt", [{"md5": []}, {"a\x1b[2J": "\x1b[2J"}, {"run": [[{}]]}, {"": None}, {"a": {"b": {}}}]
)
def test_a_receipt_that_holds_anything_is_shown_on_plain_lines(receipt: dict[str, Any]) -> None:
    assert all(not CONTROL.search(name + value) for name, value in flat(receipt))
