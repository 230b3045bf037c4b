"""What a person types at make reaches `lab` as it was typed; a variable that the Makefile does not have is refused."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
ODD = ["a b", "it's", 'say "x"', "$HOME and $P", "$$", "`id`", "a\\b", "a;b & c", "#x", "$(shell id)", "(a,b)"]
BY_VARIABLE = {
    "BUNDLE": "lab-up", "OUTPUT": "lab-report", "DATASET": "lab-run", "BRANCH": "lab-history", "VERSION": "lab-verify",
    "FROM": "lab-repair", "RUN": "lab-logs", "SERVICE": "lab-logs", "TASK": "lab-logs", "COMMAND": "lab-shell",
    "FILE": "eks-plan", "UNTIL": "eks-up", "CLUSTER": "eks-down", "DELETE_BUCKET": "eks-down",
}  # fmt: skip

WITH_JSON = ["lab-up", "lab-run", "lab-status", "lab-doctor", "lab-history", "lab-verify", "lab-repair", "lab-gc",
             "lab-images", "eks-plan", "eks-run", "parity", "drill"]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The Makefile, with a program in the place of `lab` that prints its arguments, one a line."""
    (tmp_path / "lab").mkdir()
    for name in ("Makefile", "lab/make_variables.py"):
        shutil.copy(SOURCE / name, tmp_path / name)
    (tmp_path / "lab" / "bootstrap.sh").write_text(
        """printf '%s\\n' "$@"; echo "chart=$LAB_AIRFLOW__CHART"\n""", "utf-8"
    )
    return tmp_path


def make(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env={**environment, **variables}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("variable", BY_VARIABLE)
def test_a_text_reaches_the_command_unchanged(folder: Path, variable: str) -> None:
    for text in ODD:
        finished = make(folder, BY_VARIABLE[variable], f"{variable}={text}")
        assert text in finished.stdout.splitlines(), finished.stderr
        assert text in make(folder, BY_VARIABLE[variable], **{variable: text}).stdout.splitlines()


def test_a_path_that_becomes_a_setting_is_unchanged_too(folder: Path) -> None:
    assert "chart=/a b/$x.tgz" in make(folder, "lab-up", "AIRFLOW_CHART=/a b/$x.tgz").stdout.splitlines()
    assert "chart=/a b/$x.tgz" in make(folder, "lab-up", LAB_AIRFLOW__CHART="/a b/$x.tgz").stdout.splitlines()


@pytest.mark.parametrize(
    ("typed", "meant"), [("row", "ROWS"), ("json", "JSON"), ("VERSOIN", "VERSION"), ("BRNCH", "BRANCH")]
)
def test_a_misspelt_variable_is_refused_with_the_one_that_was_meant(folder: Path, typed: str, meant: str) -> None:
    finished = make(folder, "lab-run", f"{typed}=1")
    assert (finished.returncode, finished.stdout) == (2, "")
    assert f"unknown variable: {typed} (did you mean {meant}?)" in finished.stderr


def test_settings_and_every_variable_that_the_help_names_are_known(folder: Path) -> None:
    assert make(folder, "lab-status", "LAB_PORTS__GIT=3001").returncode == 0
    text = (folder / "Makefile").read_text("utf-8")
    used = set(re.findall(r"\$\(if \$\(([A-Z_]+)\)", text))
    assert {"ROWS", "JSON", "COMMAND", "WAIT"} <= used
    for name in used:
        assert make(folder, "lab-status", f"{name}=1").returncode == 0, name


def test_the_help_fits_on_a_screen_and_the_whole_help_has_every_target_and_variable(folder: Path) -> None:
    text = (folder / "Makefile").read_text("utf-8")
    lines = make(folder).stdout.splitlines()
    assert len(lines) <= 32
    assert max(map(len, lines)) <= 82
    assert "  lab-up            Bring the lab up, or resume where an earlier attempt stopped" in lines
    whole = make(folder, "help-all").stdout
    assert max(map(len, whole.splitlines())) <= 120
    targets = re.findall(r"^([a-z0-9-]+):.*?## ", text, re.MULTILINE)
    assert [name for name in targets if f"\n  {name} " not in whole] == []
    variables = re.search(r"^TEXT := (.*)\nOTHER := (.*)\\\n(.*)$", text, re.MULTILINE)
    assert variables is not None
    assert [name for name in " ".join(variables.groups()).split() if f"{name}=" not in whole] == []


def test_an_unknown_target_is_refused_with_the_one_that_was_meant(folder: Path) -> None:
    finished = make(folder, "lab-rnu")
    assert (finished.returncode, finished.stdout) == (2, "")
    assert "error: unknown target: lab-rnu (did you mean lab-run?)" in finished.stderr


@pytest.mark.parametrize("target", WITH_JSON)
def test_json_is_handed_on_where_the_command_has_it(folder: Path, target: str) -> None:
    assert "--json" in make(folder, target, "JSON=1").stdout.splitlines()


@pytest.mark.parametrize(
    ("value", "expected"), [("1", ["status", "--wait"]), ("90", ["status", "--wait", "--limit", "90"])]
)
def test_wait_takes_its_limit_in_seconds(folder: Path, value: str, expected: list[str]) -> None:
    assert make(folder, "lab-status", f"WAIT={value}").stdout.splitlines()[:-1] == expected
