"""A lab that an older version made comes up with this one, keeps its data, and works on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.checkout import Checkout
from tests.integration.pushes import DAG, ask
from tests.waiting import eventually

VERSIONS = [
    (1, "dfa7d87dd5ad359a30e4c5f846c07da6"),
    (2, "1112f5783a26a1fff799ec54480b6aa8"),
    (3, "cd80315d6a3dd64ba783886295ccacba"),
]
RUNS = f"{DAG}/dagRuns"


def test_it_keeps_its_versions_and_its_secrets(older: Checkout) -> None:
    assert [(each["number"], each["md5"]) for each in older.json("history")[:3]] == VERSIONS
    assert "Nothing to do" in older.lab("up").stderr
    older.lab("verify")


def test_it_makes_new_versions_from_the_old_ones(older: Checkout) -> None:
    before = older.json("history")[-1]
    made = older.json("run", "--rows", "4")["version"]
    assert (made["rows"], made["base_md5"]) == (before["rows"] + 4, before["md5"])
    older.lab("verify")


@pytest.mark.parametrize("flags", [[], ["--replay"]], ids=["copied", "replayed"])
@pytest.mark.parametrize("number", ["2", "3"])
def test_its_versions_are_reproduced(older: Checkout, tmp_path: Path, number: str, flags: list[str]) -> None:
    older.lab("reproduce", number, *flags, "--output", str(tmp_path / "file.csv"))


def test_its_schedule_goes_on(older: Checkout, tmp_path: Path) -> None:
    clone = f"cd {tmp_path}/c && export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t.invalid\n"
    clone += "export GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@t.invalid\n"
    commit = older.shell(
        f'git clone -q "$PIPELINE_REPOSITORY" {tmp_path}/c\n{clone}'
        'sed -i.orig \'s/"0 0 \\* \\* \\*"/"* * * * *"/\' dags/dataset_pipeline.py && rm dags/*.orig\n'
        "git commit -qam 'Every minute' && git push -q && git rev-parse HEAD"
    ).strip()

    def runs(state: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ask(older, RUNS, run_type="scheduled", state=state)["dag_runs"]
        return found

    scheduled = eventually(lambda: runs("success"), "a run by the schedule", limit=180)[0]
    assert scheduled["dag_run_id"] in [each["run_id"] for each in older.json("history")]
    # Other tests count the versions of this lab: its schedule is as it was, and no run of it is left.
    again = "git reset -q --hard origin/HEAD"
    older.shell(f"{clone}until git pull -q --rebase && git revert --no-edit {commit} && git push -q; do {again}; done")
    eventually(lambda: "0 0 * * *" in ask(older, DAG)["timetable_summary"], "the schedule of before", limit=60)
    eventually(lambda: not runs("running") and not runs("queued"), "the end of the last run", limit=120)
