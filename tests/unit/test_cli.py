"""The command line where no lab runs: one error line, one hint line, an exit code, and nothing changed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from lab.cli import app, context
from lab.config import Settings
from lab.engine import remember, same_settings
from lab.engine.local import LocalEngine
from lab.errors import BusyError, StoppedError
from lab.paths import Paths
from lab.pipeline.errors import DatasetError
from tests.unit.conftest import Outcome
from tests.unit.support import program

Lab = Callable[..., Outcome]
NEED_A_LAB = ["run", "history", "history 1", "verify", "reproduce 99", "reproduce latest --replay", "shell -- true",
              "logs --run latest"]  # fmt: skip
COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def assert_refused(outcome: Outcome, status: int) -> None:
    first, *_, last = outcome.err.splitlines()
    assert outcome.status == status
    assert first.startswith("error: ")
    assert last.startswith("hint: ")
    assert [line for line in outcome.err.splitlines() if line.startswith(("error:", "hint:"))] == [first, last]
    assert "Traceback" not in outcome.err
    assert outcome.out == ""


def mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


@pytest.mark.parametrize("before", [0o755, 0o777])
def test_the_folder_of_an_existing_lab_is_closed_at_the_next_command(lab: Lab, checkout: Paths, before: int) -> None:
    checkout.home.mkdir()
    checkout.home.chmod(before)
    (checkout.home / "data").mkdir(mode=0o755)
    lab("status")
    assert mode(checkout.home) == 0o700
    assert mode(checkout.home / "data") == 0o755  # containers enter it through their mounts


def test_the_folder_of_a_new_lab_is_closed_to_other_users(lab: Lab, checkout: Paths) -> None:
    with context.exclusive("up"):
        assert mode(checkout.home) == 0o700


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(lab: Lab, command: str) -> None:
    outcome = lab(command, "--help")
    assert outcome.status == 0
    assert f"Example: lab {command}" in outcome.out


def test_the_help_lists_every_command(lab: Lab) -> None:
    output = lab("--help").out
    assert not [line for line in output.splitlines()[1:] if line.endswith("...")]  # truncated
    assert all(f" {command} " in output for command in COMMANDS if command not in {"lock", "bench", "notice"})


@pytest.mark.parametrize("arguments", ["nosuch", "run --nosuch", "run --rows many", "run --rows -1", "reproduce"])
def test_a_wrong_call_ends_with_2(lab: Lab, arguments: str) -> None:
    outcome = lab(*arguments.split())
    assert_refused(outcome, 2)
    assert outcome.err.splitlines()[1].endswith(" --help")


def test_no_command_at_all_gets_the_help_and_no_empty_error(lab: Lab) -> None:
    outcome = lab()
    assert outcome.status == 2
    assert "Commands" in outcome.out
    assert outcome.err == ""


@pytest.mark.parametrize("arguments", NEED_A_LAB)
def test_what_needs_a_lab_says_that_it_is_down(lab: Lab, checkout: Paths, arguments: str) -> None:
    outcome = lab(*arguments.split())
    assert_refused(outcome, 6)
    assert outcome.err == "error: the lab is down\nhint: make lab-up\n"
    assert list(checkout.source.iterdir()) == []


def test_an_unknown_engine_is_refused_naming_those_there_are(lab: Lab, checkout: Paths) -> None:
    outcome = lab("up", "--engine", "moon")
    assert_refused(outcome, 3)
    assert "--engine = 'moon'" in outcome.err
    assert "'auto', 'local', 'kind' or 'eks'" in outcome.err
    assert list(checkout.source.iterdir()) == []


def test_mistakes_in_the_settings_file_stop_every_command_before_it_does_anything(lab: Lab, checkout: Paths) -> None:
    checkout.settings_file.write_text("[ports]\ngti = 1\ns3 = 'x'\n", "utf-8")
    for command in ("up", "status", "run"):
        outcome = lab(command)
        assert_refused(outcome, 3)
        assert "2 settings are wrong" in outcome.err
    assert [file.name for file in checkout.source.iterdir()] == ["lab.toml"]


def test_status_of_a_lab_that_is_down_is_an_answer_and_changes_nothing(lab: Lab, checkout: Paths) -> None:
    outcome = lab("status")
    assert (outcome.status, outcome.err.splitlines()[0]) == (6, "The lab is down (engine local).")
    assert json.loads(lab("status", "--json").out)["state"] == "down"
    assert list(checkout.source.iterdir()) == []


@pytest.mark.parametrize("mistake", ["[ports]\ngti = 1\n", "[ports", "\xff"], ids=["typo", "not TOML", "not UTF-8"])
def test_down_ends_the_lab_whatever_the_settings_file_says(
    lab: Lab, checkout: Paths, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    made: list[Settings] = []

    def down(engine: LocalEngine, *, purge: bool) -> list[str]:
        made.append(engine.settings)
        return ["all services have ended"]

    monkeypatch.setattr(LocalEngine, "down", down)
    remember(checkout, "local")
    before = Settings.model_validate({"cluster": {"name": "mine"}})
    checkout.run.mkdir()
    same_settings.remember_running(checkout.run / "settings.json", before)
    checkout.settings_file.write_bytes(mistake.encode("latin-1"))
    outcome = lab("down")
    assert outcome.status == 0
    assert outcome.err.startswith("warning: ")
    assert "lab.toml" in outcome.err.splitlines()[0]
    assert made == [before]


def test_status_with_wait_does_not_wait_for_a_lab_that_nothing_brings_up(lab: Lab) -> None:
    assert lab("status", "--wait", "--limit", "3600").status == 6


def test_doctor_shows_every_check_and_its_status_is_that_of_the_worst(lab: Lab) -> None:
    outcome = lab("doctor", "--json")
    checks = json.loads(outcome.out)
    assert {"Python", "Git", "disk", "memory", "environment airflow"} <= {check["name"] for check in checks}
    assert all(check["hint"] for check in checks if check["state"] == "fail")
    assert outcome.status == (1 if "fail" in {check["state"] for check in checks} else 0)


def test_down_where_nothing_runs_says_so_and_keeps_data(lab: Lab, checkout: Paths) -> None:
    checkout.data.mkdir(parents=True)
    outcome = lab("down")
    assert outcome.status == 0
    assert "Nothing to do: the lab is down." in outcome.err
    assert checkout.data.exists()


def test_down_with_purge_removes_data_and_secrets(lab: Lab, checkout: Paths) -> None:
    for folder in (checkout.data, checkout.secrets, checkout.logs):
        folder.mkdir(parents=True)
    assert lab("down", "--purge").status == 0
    assert not checkout.data.exists()
    assert not checkout.secrets.exists()


def test_logs_of_an_unknown_service_name_those_there_are(lab: Lab) -> None:
    outcome = lab("logs", "nosuch")
    assert_refused(outcome, 9)
    assert "airflow-scheduler" in outcome.err


def test_logs_show_the_last_lines_as_they_are(lab: Lab, checkout: Paths) -> None:
    checkout.logs.mkdir(parents=True)
    (checkout.logs / "git.log").write_text("one\n[b]two[/b] :id:\nthree\n", "utf-8")
    assert lab("logs", "git", "--lines", "2").out == "[b]two[/b] :id:\nthree\n"


def test_ctrl_c_is_how_following_a_log_ends(checkout: Paths) -> None:
    checkout.logs.mkdir(parents=True)
    (checkout.logs / "git.log").write_text("up\n", "utf-8")
    code = (
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import pathlib, sys\nfrom lab import paths\nfrom lab.cli import main\n"
        f"paths.SOURCE = pathlib.Path({str(checkout.source)!r})\n"
        "sys.stdout.reconfigure(line_buffering=True)\n"
        "sys.argv = ['lab', 'logs', 'git', '--follow']\nmain()"
    )
    with program(code, dict(os.environ)) as command:
        command.send_signal(signal.SIGINT)
        assert command.wait(20) == 0


def test_a_second_command_on_the_same_lab_is_refused_naming_the_first(checkout: Paths) -> None:
    with (
        context.exclusive("up"),
        pytest.raises(BusyError, match=rf"`lab up` \(pid {os.getpid()}\)"),
        context.exclusive("down"),
    ):
        pass
    with context.exclusive("down"):
        pass


def test_a_lock_does_not_outlive_a_killed_command(checkout: Paths) -> None:
    code = (
        "import pathlib, signal; from lab import paths; from lab.cli import context\n"
        f"paths.SOURCE = pathlib.Path({str(checkout.source)!r})\n"
        "with context.exclusive('up'): print('up', flush=True); signal.pause()"
    )
    with program(code, dict(os.environ)) as first:
        with pytest.raises(BusyError, match=f"pid {first.pid}"), context.exclusive("down"):
            pass
        first.kill()
        first.wait(20)
        with context.exclusive("down"):
            pass


def test_an_error_of_the_data_is_reported_like_any_other(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise DatasetError("d.csv.dvc is not a DVC pointer to one file", "restore it")

    monkeypatch.setattr(context, "access", broken)
    assert_refused(lab("history"), 1)


def test_ctrl_c_ends_a_command_at_once_whatever_is_under_way() -> None:
    code = (
        # Where the tests run in a shell's background, Ctrl-C is ignored, and children inherit that.
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import sys, threading\nfrom lab import cli\nfrom lab.engine.phases import Phase, run_phases\n"
        "from lab.ui import live_list\n"
        "def apply(note): print('up', flush=True); threading.Event().wait()\n"
        "@cli.app.command()\ndef endless() -> None:\n"
        "    with live_list() as shown: run_phases([Phase('a', 'A', 9, lambda: False, apply)], shown)\n"
        "sys.argv = ['lab', 'endless']\ncli.main()"
    )
    with program(code, dict(os.environ)) as command:
        command.send_signal(signal.SIGINT)
        assert command.wait(20) == 130


def test_ctrl_c_says_that_a_command_continues_only_where_it_does(checkout: Paths) -> None:
    with pytest.raises(StoppedError) as stopped, context.exclusive("up"):
        raise KeyboardInterrupt
    assert stopped.value.hint == "make lab-up continues from here"
    with pytest.raises(KeyboardInterrupt), context.exclusive("gc"):
        raise KeyboardInterrupt


def test_in_a_separate_checkout_a_real_command_behaves_the_same(tmp_path: Path) -> None:
    source = tmp_path / "checkout"
    here = Path(__file__).resolve().parents[2]
    shutil.copytree(here / "lab", source / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    asked = subprocess.run(
        [sys.executable, "-m", "lab", "run"], cwd=source, capture_output=True, text=True, check=False
    )
    assert (asked.returncode, asked.stdout) == (6, "")
    assert asked.stderr == "error: the lab is down\nhint: make lab-up\n"
    assert not (source / ".lab").exists()
