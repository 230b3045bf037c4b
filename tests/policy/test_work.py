"""All that the lab does in the bucket works under exactly the role's permissions, and each of them is needed for it."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from moto.s3.exceptions import S3ClientError
from moto.s3.models import S3Backend

from lab.engine.kubernetes.policy import Document, log_permissions, permissions
from lab.errors import ProgramError
from lab.proc import Completed
from tests.policy.amazon import BUCKET, Amazon, Question, permits
from tests.policy.conftest import Pod, make_pod

PARTS = 100 * 2**20
"""Bytes from which s3fs uploads in parts: twice the size of one (s3fs.core.S3FileSystem._put_file)."""


@dataclass
class Work:
    """The result of each operation, the keys after it, and every question to IAM."""

    first: str = ""
    second: str = ""
    large: str = ""
    done: dict[str, Completed] = field(default_factory=dict)
    keys: dict[str, set[str]] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    asked: list[Question] = field(default_factory=list)


@pytest.fixture(scope="module")
def work(amazon: Amazon, tmp_path_factory: pytest.TempPathFactory) -> Work:
    pod = make_pod(amazon, amazon.session(permissions(BUCKET)), tmp_path_factory.mktemp("pod"))
    amazon.asked.clear()
    work = Work()

    def dvc(name: str, *arguments: str) -> None:
        work.done[name] = pod.dvc(*arguments, check=False)
        work.keys[name] = amazon.stored()

    work.first = pod.write("data.csv", b"employee\n1\n")
    dvc("status before", "status", "--cloud")
    dvc("push", "push")
    dvc("status after", "status", "--cloud")
    forget(pod)
    dvc("pull", "pull")
    work.second = pod.write("data.csv", b"employee\n1\n2\n")
    dvc("second push", "push", "data.csv.dvc")
    dvc("gc", "gc", "--workspace", "--cloud", "--force")
    work.large = pod.write("large.csv", bytes(PARTS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(S3Backend, "upload_part", broken)
        dvc("broken push", "push", "large.csv.dvc")
    dvc("push in parts", "push", "large.csv.dvc")
    work.shown = pod.task_log("started", "ended")
    work.asked = list(amazon.asked)
    return work


def forget(pod: Pod) -> None:
    shutil.rmtree(pod.folder / ".dvc" / "cache")
    (pod.folder / "data.csv").unlink()


def broken(*arguments: Any, **options: Any) -> None:
    """Replaces moto's upload of one part: the answer to a part that was changed in transit."""
    raise S3ClientError("InvalidDigest", "The Content-MD5 you specified was invalid.")


def test_dvc_pushes_what_is_not_there(work: Work) -> None:
    assert (work.done["push"].status, work.done["push"].stdout) == (0, "1 file pushed\n")
    assert work.keys["push"] == {work.first}


def test_dvc_compares_the_cache_with_the_bucket(work: Work) -> None:
    assert "new:" in work.done["status before"].stdout
    assert "in sync" in work.done["status after"].stdout
    assert {work.done[name].status for name in ("status before", "status after")} == {0}


def test_dvc_pulls_what_it_has_not(work: Work) -> None:
    assert (work.done["pull"].status, "1 file fetched" in work.done["pull"].stdout) == (0, True)


def test_dvc_clears_what_no_version_names(work: Work) -> None:
    assert work.keys["second push"] == {work.first, work.second}
    assert work.done["gc"].status == 0
    assert work.keys["gc"] == {work.second}


def test_dvc_pushes_large_files_in_parts(work: Work) -> None:
    assert work.done["push in parts"].status == 0
    assert work.large in work.keys["push in parts"]


def test_an_upload_that_breaks_leaves_nothing_to_pay_for(work: Work, amazon: Amazon) -> None:
    assert work.done["broken push"].status != 0
    assert work.large not in work.keys["broken push"]
    assert "s3:AbortMultipartUpload" in {asked.action for asked in work.asked}
    assert amazon.unfinished() == []


def test_airflow_writes_adds_to_and_shows_a_task_log(work: Work) -> None:
    assert work.shown == ["started\nended"]


def test_what_launches_pods_keeps_its_logs_and_pushes_no_data(amazon: Amazon, tmp_path: Path) -> None:
    pod = make_pod(amazon, amazon.session(log_permissions(BUCKET)), tmp_path)
    amazon.clear("logs/")
    assert pod.task_log("started", "ended") == ["started\nended"]
    key = pod.write("data.csv", b"employee\n3\n")
    assert pod.dvc("push", check=False).status != 0
    assert key not in amazon.stored()


def test_nothing_that_works_was_refused_but_the_question_for_the_region(work: Work) -> None:
    """s3fs asks by HeadBucket which region the bucket is in; the refusal says so as well."""
    refused = {(asked.action, asked.prefix) for asked in work.asked if not asked.allowed}
    assert refused == {("s3:ListBucket", None)}


def narrower() -> Iterator[tuple[str, Document]]:
    """The document without one of its permissions, for each of them, and what is missing."""
    for number, statement in enumerate(permissions(BUCKET)["Statement"]):
        places = [("Action",), ("Resource",), ("Condition", "StringLike", "s3:prefix")]
        for place in places:
            held = value_at(statement, place)
            for each in held if len(held) > 1 or place == ("Action",) else []:
                document = permissions(BUCKET)
                part = document["Statement"][number]
                for name in place[:-1]:
                    part = part[name]
                part[place[-1]] = [kept for kept in held if kept != each]
                yield f"{statement['Sid']}: {each}", document


def value_at(statement: Document, place: tuple[str, ...]) -> list[str]:
    found: Any = copy.deepcopy(statement)
    for name in place:
        found = found.get(name, {})
    return [found] if isinstance(found, str) else list(found)


@pytest.mark.parametrize(("missing", "document"), list(narrower()), ids=[missing for missing, _ in narrower()])
def test_each_permission_is_needed(work: Work, missing: str, document: Document) -> None:
    needed = [asked for asked in work.asked if asked.allowed]
    assert [asked for asked in needed if not permits(document, asked)] != []


def test_a_role_that_may_not_list_task_logs_would_lose_them(amazon: Amazon, tmp_path: Path) -> None:
    """What makes ListBucket necessary: Airflow treats the 403 for a log that does not exist yet as a failure."""
    document = permissions(BUCKET)
    document["Statement"][0]["Condition"]["StringLike"]["s3:prefix"] = ["dvc/*"]
    pod = make_pod(amazon, amazon.session(document), tmp_path)
    amazon.clear("logs/")
    with pytest.raises(ProgramError, match="ended with"):
        pod.task_log("started")
    assert [key for key in amazon.stored() if key.startswith("logs/")] == []
