"""The pure parts of the bench: statistics, the table, and the selection of scenarios."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lab.bench import plan, table
from lab.bench.figures import Figure, at_least, at_most, each, figure, ratio
from lab.bench.machine import Machine
from lab.bench.measure import child, timed
from lab.bench.scenarios import modify
from lab.bench.scratch import Scratch, environment, kind_variables, removed_after
from lab.errors import ProgramError, SettingsError
from lab.host import INSTALL_DISK
from lab.paths import SOURCE, Paths
from lab.wait import NotYetError, wait_until

MACHINE = Machine(2, 8 << 30, "x86_64", "3.11.7", "Debian", "2026-11-21T10:00:00Z", "0123456789", 4.2)


def test_the_median_of_an_even_number_of_values_is_between_the_middle_two() -> None:
    assert Figure("run", "f", "s", (4.0, 1.0, 2.0, 100.0)).median == 3.0


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (at_most(15), 15.0, True),
        (at_most(15), 15.01, False),
        (at_least(100), 100.0, True),
        (at_least(100), 99.9, False),
        (None, 1.0, None),
    ],
)
def test_a_goal_is_met_by_its_bound_itself(goal: object, value: float, met: bool | None) -> None:
    assert Figure("run", "f", "s", (value,), goal).met is met  # type: ignore[arg-type]


def test_one_bad_value_of_three_does_not_miss_a_goal() -> None:
    assert Figure("warm", "f", "s", (10.0, 12.0, 99.0), at_most(20)).met is True


def test_what_was_not_measured_is_not_a_figure() -> None:
    assert figure("run", "f", "s", []) == []
    assert ratio("plain", "f", [], [1.0]) == []
    assert ratio("plain", "f", [1.0], []) == []


def test_a_ratio_is_that_of_the_medians() -> None:
    assert ratio("plain", "f", [9.0, 30.0, 10.0], [5.0, 4.0, 6.0])[0].values == (2.0,)


def test_parts_keep_their_order_and_may_be_missing_from_a_sample() -> None:
    found = each("warm", "  phase", "s", [{"b": 1.0, "a": 2.0}, {"a": 3.0}])
    assert [(f.title, f.values) for f in found] == [("  phase b", (1.0,)), ("  phase a", (2.0, 3.0))]


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0.00"), (0.0421, "0.042"), (1.234, "1.23"), (12.34, "12.3"), (1234.5, "1,234")]
)
def test_numbers_have_three_digits_that_matter(value: float, shown: str) -> None:
    assert table.number(value) == shown


def test_a_row_of_the_table() -> None:
    row = table.row(Figure("run", "lab-run", "s", (9.0, 10.0, 16.0), at_most(15), "a note"))
    assert row == ["lab-run", "10.0 s", "9.00 to 16.0", "3", "≤ 15 s", "yes", "a note"]
    assert table.row(Figure("run", "once", "MiB", (7.0,)))[1:6] == ["7.00 MiB", "", "1", "", ""]


def test_the_markdown_table_is_whole_and_escaped() -> None:
    text = table.markdown([Figure("run", "a|b", "s", (16.0,), at_most(15))], MACHINE)
    lines = text.splitlines()
    assert "2 cores (x86_64), 8.0 GiB" in lines[0]
    assert lines[2].count("|") == lines[3].count("|") == len(table.HEADINGS) + 1
    assert lines[4] == "| a\\|b | 16.0 s |  | 1 | ≤ 15 s | no |  |"


def test_a_bench_is_kept_as_json_and_as_markdown(tmp_path: Path) -> None:
    file = table.store(tmp_path / "bench", [Figure("run", "f", "s", (1.0, 3.0), at_most(2))], MACHINE)
    assert file.name == "20261121T100000Z.json"
    kept = json.loads(file.read_text("utf-8"))
    assert kept["machine"]["cores"] == 2
    assert kept["figures"] == [
        {
            "group": "run",
            "title": "f",
            "unit": "s",
            "median": 2.0,
            "minimum": 1.0,
            "maximum": 3.0,
            "count": 2,
            "goal": "≤ 2",
            "met": True,
            "note": "",
            "values": [1.0, 3.0],
        }
    ]
    assert "| f | 2.00 s |" in file.with_name("latest.md").read_text("utf-8")


def test_scenarios_are_named_one_by_one_or_between_commas() -> None:
    assert plan.select(["run, warm,"]) == plan.select(["run", "warm"]) == {"run", "warm"}
    assert plan.select(["kind-up", "kind-run,kind-memory"]) == {"kind-up", "kind-run", "kind-memory"}


@pytest.mark.parametrize("text", ["wram", "run,nothing", "", ","])
def test_an_unknown_scenario_is_named_with_those_that_exist(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        plan.select([text])
    assert "cold, warm, run, plain, memory, many, lineage, modify, kind-up, kind-run, kind-memory" in caught.value.hint


def test_clusters_are_left_out_with_a_word_where_there_can_be_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reason = "Docker is not running"
    monkeypatch.setattr("lab.engine.kind.KindEngine.why_not_at_once", lambda _: reason)
    found = plan.all_possible(Paths.of(tmp_path))
    assert found == {"cold", "warm", "run", "plain", "memory", "many", "lineage", "modify"}
    assert "kind-up, kind-run, kind-memory, kind-identity, kind-many (Docker is not running)" in capsys.readouterr().err
    reason = ""
    assert plan.all_possible(Paths.of(tmp_path)) == set(plan.SCENARIOS)


def test_a_plan_needs_the_disk_of_its_scenarios_only() -> None:
    modify_only = plan.BenchPlan(frozenset({"modify"}), gigabytes=0.01)
    assert not modify_only.needs_lab
    assert modify_only.disk < INSTALL_DISK
    assert plan.BenchPlan().disk > plan.BenchPlan(frozenset({"warm"})).disk > INSTALL_DISK


def test_settings_of_the_persons_own_lab_do_not_reach_the_scratch_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_PORTS__GIT", "3000")
    monkeypatch.setenv("LAB_PYTHON", "/usr/bin/python3")
    found = environment({"UV_CACHE_DIR": "/empty"})
    assert "LAB_PORTS__GIT" not in found
    assert found["LAB_PYTHON"] == "/usr/bin/python3"
    assert found["UV_CACHE_DIR"] == "/empty"


def test_a_scratch_lab_has_the_engine_of_its_scenario_and_a_separate_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_ENGINE", "kind")
    monkeypatch.setenv("LAB_CLUSTER__NAME", "lab")
    monkeypatch.setenv("LAB_IMAGES__SOURCE", "build")
    assert Scratch(tmp_path, tmp_path).settings.engine == "local"
    found = Scratch(tmp_path, tmp_path, "", kind_variables()).settings
    assert (found.engine, found.cluster.name, found.images.source) == ("kind", "lab-bench", "build")


def test_what_a_block_made_is_removed_and_its_error_is_raised() -> None:
    removed = []

    def remove() -> None:
        removed.append(True)
        raise ProgramError("it does not go")

    with pytest.raises(KeyboardInterrupt), removed_after(remove):
        raise KeyboardInterrupt
    with pytest.raises(ProgramError), removed_after(remove):
        pass
    assert len(removed) == 2


def test_an_interrupted_program_ends_what_it_started(tmp_path: Path) -> None:
    script = "sleep 60 & echo $! > child; wait"
    with pytest.raises(ProgramError, match="took longer than 2 s"):
        timed("a sleeper", ["sh", "-c", script], env={"PATH": os.environ["PATH"]}, cwd=tmp_path, limit=2)
    child_id = int((tmp_path / "child").read_text("utf-8"))
    wait_until(lambda: require_ended(child_id), what="what it started", limit=10)


def require_ended(process_id: int) -> None:
    """Return if the process has ended, whether or not its parent knows yet."""
    with contextlib.suppress(psutil.NoSuchProcess):
        if psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE:
            raise NotYetError("it runs")


def test_a_program_reads_its_text_and_a_failure_shows_its_last_lines(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"]}
    ran = timed("a reader", ["cat"], env=environment, cwd=tmp_path, limit=10, text="secret")
    assert ran.completed.stdout == "secret"
    with pytest.raises(ProgramError) as caught:
        timed("a failure", ["sh", "-c", "echo why >&2; exit 3"], env=environment, cwd=tmp_path, limit=10)
    assert "exit status 3" in caught.value.message
    assert caught.value.detail.strip() == "why"


MEASURE = """
import pathlib, sys
from lab.bench.measure import child
block = [sys.executable, "-c", "block = b'x' * (200 << 20); print(len(block))"]
usage = child("a block", block, env={}, cwd=pathlib.Path(), limit=30)
assert usage.stdout == f"{200 << 20}\\n"
print(usage.peak)
"""


def test_the_peak_memory_of_a_child_is_measured() -> None:
    """Measured from a process as small as `lab bench` is: a peak below its own cannot be measured."""
    peak = int(subprocess.check_output([sys.executable, "-c", MEASURE], cwd=SOURCE, text=True))
    assert 200 << 20 < peak < 400 << 20


def test_a_child_that_outlives_its_limit_is_killed(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="signal 9"):
        child("a sleeper", [sys.executable, "-c", "import time; time.sleep(60)"], env={}, cwd=tmp_path, limit=0.3)


def test_the_dataset_is_made_once_and_what_was_added_is_dropped(tmp_path: Path) -> None:
    file, md5, size = modify.dataset(tmp_path, 0.0001)
    inode = file.stat().st_ino
    with file.open("ab") as stream:
        stream.write(b"rubbish\n")
    assert modify.dataset(tmp_path, 0.0001) == (file, md5, size)
    assert file.stat().st_size == size
    assert file.stat().st_ino == inode
