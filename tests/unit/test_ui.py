"""Terminal output: no colour codes where there is no terminal, an error reported once with its hint, text unchanged."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from lab import ui
from lab.errors import LabError

ESCAPE = "\x1b"
SHOW_ERROR = (
    "from lab import ui; from lab.errors import LabError; ui.show_error(LabError('broken', 'fix it', 'last line'))"
)
TABLE = "from lab import ui; ui.table([['a', 'b' * 150]], ['one', 'two'])"


def output_of(code: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS"}}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)


def output_on_a_terminal(code: str, **variables: str) -> str:
    """What the program writes on a pseudo-terminal."""
    ours, theirs = pty.openpty()
    environment = {**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, "TERM": "xterm-256color", **variables}
    try:
        subprocess.run([sys.executable, "-c", code], env=environment, stdout=theirs, stderr=theirs, check=True)
        return os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_without_a_terminal_there_is_no_colour_code() -> None:
    finished = output_of(f"{SHOW_ERROR}; {TABLE}")
    assert ESCAPE not in finished.stdout + finished.stderr
    assert "broken" in finished.stderr
    assert "one" in finished.stdout


def test_on_a_terminal_there_is_colour_unless_it_is_unwanted() -> None:
    assert ESCAPE in output_on_a_terminal(SHOW_ERROR)
    assert f"{ESCAPE}[31" not in output_on_a_terminal(SHOW_ERROR, NO_COLOR="1")


def test_an_error_is_one_line_its_evidence_and_a_hint_on_standard_error() -> None:
    finished = output_of(SHOW_ERROR)
    assert finished.stderr == "error: broken\n  │ last line\nhint: fix it\n"
    assert finished.stdout == ""


def test_an_error_without_hint_and_evidence_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    ui.show_error(LabError("broken"))
    assert capsys.readouterr().err == "error: broken\n"


@pytest.mark.parametrize(
    "text", ["[red]x[/]", "[/]", "a\\", "C:\\[b]", "x" * 400, "at :warning: 10:id:4", "[link=http://x]y"]
)
def test_text_is_shown_as_it_is_and_on_one_line(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    ui.show_error(LabError(text, text, text))
    ui.say(text)
    assert capsys.readouterr().err == f"error: {text}\n  │ {text}\nhint: {text}\n{text}\n"


def test_a_table_cell_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    ui.table([["[b]run[/b]", "manual:id:x"]], ["one", "two"])
    assert capsys.readouterr().out.splitlines()[1].split() == ["[b]run[/b]", "manual:id:x"]


def test_a_long_cell_stays_on_one_line_where_there_is_no_terminal() -> None:
    assert output_of(TABLE).stdout.splitlines()[1].rstrip().endswith("b" * 150)


def test_data_is_json_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    ui.data({"path": Path("/x"), "text": "ä [b]"})
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"path": "/x", "text": "ä [b]"}
    assert captured.err == ""


def test_a_step_says_its_limit_at_the_start_and_how_it_ended(capsys: pytest.CaptureFixture[str]) -> None:
    with ui.step("Pulling", 60) as shown:
        shown.note("", "half of it")
        shown.note("", "half of it")
    start, note, end = capsys.readouterr().err.splitlines()
    assert (start, note) == ("• Pulling (≤ 60 s) …", "    Pulling: half of it")
    assert end.startswith("✓ Pulling  ")


def test_a_step_that_fails_is_marked_and_its_error_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LabError), ui.step("Pulling", 60):
        raise LabError("no")
    assert capsys.readouterr().err.splitlines()[-1].startswith("✗ Pulling")
