"""The quarantine of `lab gc` on a real S3 API: no object is lost, wherever the command that moves it is killed."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from lab.access import LoopbackAccess
from lab.components import storage
from lab.config import Settings, StorageSettings
from lab.errors import ServiceError
from lab.lineage import quarantine
from lab.paths import Paths
from lab.secrets import write_private
from tests.localstack.conftest import PERSON, LocalStack

BUCKET = "data"
CONTENT = b"employee\n1\n"
KILLED, ENDED = 9, 0
TRACED = {quarantine.__file__, storage.__file__}


@pytest.fixture
def access(running: LocalStack, tmp_path: Path) -> LoopbackAccess:
    paths = Paths(tmp_path, tmp_path / ".lab")
    paths.secrets.mkdir(parents=True)
    write_private(paths.secrets / "aws-access-key-id", PERSON["aws_access_key_id"])
    write_private(paths.secrets / "aws-secret-access-key", PERSON["aws_secret_access_key"])
    return LoopbackAccess(paths, Settings(storage=StorageSettings(bucket=BUCKET)), {"s3": running.url})


@pytest.fixture
def s3(access: LoopbackAccess) -> Iterator[Any]:
    """A client; the bucket is empty before the test."""
    found = storage.client(access)
    for each in list(storage.below(access, "", found)):
        storage.remove(access, each.key, found)
    yield found
    found.close()


def key_of(content: bytes) -> str:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return f"dvc/files/md5/{md5[:2]}/{md5[2:]}"


def add(access: LoopbackAccess, s3: Any, content: bytes = CONTENT) -> str:
    storage.write(access, key_of(content), content, s3)
    return key_of(content)


def modified(access: LoopbackAccess, s3: Any, key: str) -> Any:
    found = storage.head(access, key, s3)
    assert found is not None
    return found.modified


def contents(access: LoopbackAccess, s3: Any) -> dict[str, bytes | None]:
    """Each object's bytes by its key."""
    return {each.key: storage.read_object(access, each.key, s3) for each in storage.below(access, "", s3)}


def in_child(work: Callable[[], object], line: int) -> int:
    """Do this in a fork that ends without clean-up before it executes that many lines; returns its exit status."""
    if (child := os.fork()) == 0:
        left = line

        def trace(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal left
            if frame.f_code.co_filename not in TRACED:
                return None
            left -= event == "line"
            if left < 0:
                os._exit(KILLED)
            return trace

        sys.settrace(trace)
        work()
        os._exit(ENDED)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at_each_line(work: Callable[[], object], check: Callable[[], None]) -> int:
    """Do this again and again, killed one line later each time until it ends; at how many lines."""
    for line in count():
        status = in_child(work, line)
        check()
        if status == ENDED:
            return line
        assert status == KILLED
    raise AssertionError


def test_what_is_moved_there_and_back_is_the_same_object(access: LoopbackAccess, s3: Any) -> None:
    key = add(access, s3)
    assert quarantine.put(access, key, modified(access, s3, key), s3)
    (held,) = quarantine.listed(access, s3)
    assert contents(access, s3) == {held.key: CONTENT}
    assert (held.original, held.size) == (key, len(CONTENT))
    assert abs((held.since - storage.now(access, s3)).total_seconds()) < 60
    assert quarantine.restore(access, held, s3)
    assert contents(access, s3) == {key: CONTENT}


def test_an_object_is_whole_somewhere_wherever_its_move_is_interrupted(access: LoopbackAccess, s3: Any) -> None:
    key = add(access, s3)
    first = modified(access, s3, key)

    def check() -> None:
        found = contents(access, s3)
        assert CONTENT in found.values()
        assert set(found.values()) == {CONTENT}

    assert killed_at_each_line(lambda: quarantine.put(access, key, first, storage.client(access)), check) > 20
    assert key not in contents(access, s3)


def test_an_object_is_whole_somewhere_wherever_its_return_is_interrupted(access: LoopbackAccess, s3: Any) -> None:
    key = add(access, s3)
    assert quarantine.put(access, key, modified(access, s3, key), s3)
    (held,) = quarantine.listed(access, s3)

    def check() -> None:
        assert set(contents(access, s3).values()) == {CONTENT}

    assert killed_at_each_line(lambda: quarantine.restore(access, held, storage.client(access)), check) > 20
    assert contents(access, s3) == {key: CONTENT}


def test_a_large_object_is_copied_in_parts(access: LoopbackAccess, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As more than LARGEST_COPY is; S3 takes parts of 5 MiB and more."""
    monkeypatch.setattr(storage, "LARGEST_COPY", 5 * 2**20)
    monkeypatch.setattr(storage, "COPY_PART", 5 * 2**20)
    content = os.urandom(11 * 2**20)
    key = add(access, s3, content)
    assert quarantine.put(access, key, modified(access, s3, key), s3)
    (held,) = quarantine.listed(access, s3)
    assert s3.head_object(Bucket=BUCKET, Key=held.key)["ETag"].endswith('-3"')
    assert quarantine.restore(access, held, s3)
    assert contents(access, s3) == {key: content}


def test_an_object_that_was_pushed_again_meanwhile_stays(access: LoopbackAccess, s3: Any) -> None:
    key = add(access, s3)
    before = modified(access, s3, key)
    while modified(access, s3, key) == before:  # to the second
        add(access, s3)
    assert not quarantine.put(access, key, before, s3)
    assert contents(access, s3) == {key: CONTENT}


def test_a_damaged_copy_deletes_nothing(access: LoopbackAccess, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    key = add(access, s3)
    copy = s3.copy

    def damaging(source: Any, bucket: str, target: str, **options: Any) -> None:
        copy(source, bucket, target, **options)
        storage.write(access, target, CONTENT[::-1], s3)

    monkeypatch.setattr(s3, "copy", damaging)
    with pytest.raises(ServiceError, match="is not a copy of"):
        quarantine.put(access, key, modified(access, s3, key), s3)
    assert contents(access, s3)[key] == CONTENT
    (held,) = quarantine.listed(access, s3)
    assert not quarantine.restore(access, held, s3)
    assert contents(access, s3) == {key: CONTENT, held.key: CONTENT[::-1]}


def test_only_what_the_lab_put_there_is_listed(access: LoopbackAccess, s3: Any) -> None:
    for key in ("quarantine/notes.txt", "quarantine/20261121T113152Z/team/dvc/files/md5/00/11",
                "quarantine/99999999T999999Z/dvc/files/md5/00/11", "dvc/quarantine/x"):  # fmt: skip
        storage.write(access, key, b"", s3)
    assert quarantine.listed(access, s3) == []
    kept = "quarantine/20261121T113152Z/dvc/files/md5/00/11"
    storage.write(access, kept, b"", s3)
    assert [each.key for each in quarantine.listed(access, s3)] == [kept]
