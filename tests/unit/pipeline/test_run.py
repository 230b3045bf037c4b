"""What a run gets from its environment is checked before it is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.pipeline.errors import UsageError
from lab.pipeline.run import Run, Worker, from_environment
from tests.unit.pipeline.run_variables import GIVEN

MALFORMED = [
    ("PIPELINE_RUN_ID", "a b"), ("PIPELINE_RUN_ID", "a\nRun-Id: b"), ("PIPELINE_RUN_ID", "x" * 251),
    ("PIPELINE_DAG_ID", "a/b"), ("PIPELINE_CODE_VERSION", "main"), ("PIPELINE_RUN_DATE", "today"),
    ("PIPELINE_REPOSITORY", "--upload-pack=x"), ("PIPELINE_REPOSITORY", "ext::sh -c x"),
    ("PIPELINE_BRANCH", "-x"), ("PIPELINE_BRANCH", "a b"), ("PIPELINE_BRANCH", "a/../b"),
    ("PIPELINE_DATASET", "/etc/passwd.csv"), ("PIPELINE_DATASET", "../x.csv"), ("PIPELINE_DATASET", "a/../../x.csv"),
    ("PIPELINE_DATASET", "x.txt"), ("PIPELINE_ROWS", "-1"), ("PIPELINE_ROWS", "1e3"), ("PIPELINE_ROWS", "1.5"),
    ("PIPELINE_ROWS", "many"), ("PIPELINE_SHARED_DIR", "shared"), ("PIPELINE_SHARED_DIR", "/a/../b"),
]  # fmt: skip


def run(**changes: str) -> Run:
    return from_environment({**GIVEN, **changes})


def test_what_is_given_is_what_the_run_has() -> None:
    parsed = run()
    assert (parsed.identity, parsed.dag, parsed.rows) == (GIVEN["PIPELINE_RUN_ID"], "dataset_pipeline", 12)
    assert (parsed.repository, parsed.branch) == (GIVEN["PIPELINE_REPOSITORY"], "feature/more-rows")
    assert (parsed.date, parsed.code_version, parsed.shared) == ("2025-01-31", "0123abcdef", Path("/shared"))


@pytest.mark.parametrize("name", sorted(set(GIVEN) - {"PIPELINE_CODE_VERSION"}))
def test_a_variable_that_is_missing_or_empty_is_named(name: str) -> None:
    for environment in ({**GIVEN, name: ""}, {key: value for key, value in GIVEN.items() if key != name}):
        with pytest.raises(UsageError, match=f"^{name} is not set") as caught:
            from_environment(environment)
        assert caught.value.hint


def test_code_without_a_version_is_no_error() -> None:
    assert run(PIPELINE_CODE_VERSION="").code_version == ""


@pytest.mark.parametrize(("left", "last"), [("0", True), ("1", False), ("", False)])
def test_only_a_try_that_none_follows_is_the_last(left: str, last: bool) -> None:
    assert run(PIPELINE_TRIES_LEFT=left).last_try is last


def test_what_runs_the_steps_is_known_by_image_and_digest() -> None:
    digest = f"sha256:{'0' * 64}"
    parsed = run(PIPELINE_WORKER_IMAGE="lab/worker:1", PIPELINE_WORKER_DIGEST=digest).worker
    assert (parsed.image, parsed.digest) == ("lab/worker:1", digest)
    assert run().worker == Worker("", "")


@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_a_malformed_variable_is_refused_with_its_value_on_one_line(name: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        run(**{name: value})
    assert caught.value.message.startswith(f"{name} is {value!r}")
    assert "\n" not in caught.value.message


def test_a_run_has_its_own_folder_inside_the_shared_one() -> None:
    parsed = run()
    for path in (parsed.folder, parsed.clone, parsed.data_file, parsed.lock, parsed.appended):
        assert path.is_relative_to("/shared/runs")
    assert parsed.folder == run().folder
    assert parsed.pointer == "datasets/größe und mehr.csv.dvc"


@pytest.mark.parametrize("identity", [".", "manual:1", "manual+1", "manual.1", "~", "x" * 250])
def test_runs_with_similar_names_never_share_a_folder(identity: str) -> None:
    folder = run(PIPELINE_RUN_ID=identity).folder
    others = [run(PIPELINE_RUN_ID=other).folder for other in ("manual-1", "x" * 249)]
    assert folder not in [*others, run(PIPELINE_RUN_ID=identity, PIPELINE_DAG_ID="other").folder]
    assert folder.parent == Path("/shared/runs")
