"""`sh lab/bootstrap.sh`: finds a Python that will do, makes the environment once, or says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[2]
FILES = ("lab/bootstrap.sh", "lab/bootstrap.py", "lab/pins.toml", "uv.lock", "pyproject.toml")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A checkout with all that the script needs, in a folder with a blank in its name."""
    folder = tmp_path / "a checkout"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / name, folder / name)
    return folder


def script(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    file.chmod(0o755)
    return file


def bootstrap(source: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    command = ["/bin/sh", str(source / "lab/bootstrap.sh"), *arguments]
    return subprocess.run(command, env=environment, cwd=source.parent, capture_output=True, text=True, check=False)


@pytest.fixture
def python(source: Path, tmp_path: Path) -> Path:
    """A usable Python, and a `bootstrap.py` that only notes its arguments and makes an environment that echoes."""
    made = source / ".lab/environments/lab/bin/python"
    return script(
        tmp_path / "python-that-will-do",
        f"""[ "$1" = - ] && exec '{sys.executable}' "$@"
echo "$@" >> '{tmp_path}/made'
mkdir -p '{made.parent}'
printf '#!/bin/sh\\necho "$PWD: $@"\\n' > '{made}'; chmod +x '{made}'""",
    )


def made(tmp_path: Path) -> list[str]:
    """How often, and with what, the environment was made."""
    file = tmp_path / "made"
    return file.read_text("utf-8").splitlines() if file.exists() else []


def assert_no_python(finished: subprocess.CompletedProcess[str], minimum: str, found: str) -> None:
    assert (finished.returncode, finished.stdout) == (4, "")
    error, hint = finished.stderr.splitlines()
    assert error.startswith(f"error: no usable Python: the lab needs at least {minimum} ")
    assert f"(found: {found})" in error
    assert hint.startswith("hint: install one ")
    assert "LAB_PYTHON=" in hint


def test_a_python_named_by_hand_that_is_not_there_is_refused(source: Path) -> None:
    finished = bootstrap(source, "status", LAB_PYTHON="/nonexistent")
    assert_no_python(finished, "3.11", "/nonexistent")
    assert not (source / ".lab").exists()


def test_where_every_python_is_too_old_it_says_so_with_the_version_found(source: Path, tmp_path: Path) -> None:
    """The pins ask for one that no machine has, so that all that are found are too old."""
    pins = source / "lab/pins.toml"
    pins.write_text(pins.read_text("utf-8").replace('"3.11"', '"3.98"').replace('"3.14"', '"3.99"'), "utf-8")
    script(tmp_path / "bin/python3", '[ "$1" = --version ] && echo Python 3.8.2')
    finished = bootstrap(source, PATH=f"{tmp_path}/bin:/usr/bin:/bin")
    assert_no_python(finished, "3.98", "Python 3.8.2")


def test_an_old_python_first_on_the_path_does_not_hide_a_good_one(source: Path, tmp_path: Path, python: Path) -> None:
    for name in ("python3", "python3.13", "python3.12"):
        script(tmp_path / "bin" / name, "exit 1")
    (tmp_path / "bin/python3.11").symlink_to(python)
    finished = bootstrap(source, "status", PATH=f"{tmp_path}/bin:/usr/bin:/bin")
    assert finished.returncode == 0, finished.stderr
    assert len(made(tmp_path)) == 1


def test_a_python_that_only_pyenv_knows_is_found(source: Path, tmp_path: Path, python: Path) -> None:
    old = script(tmp_path / "bin/python3", "exit 1")
    for name in ("python3.13", "python3.12", "python3.11", "python"):
        (tmp_path / "bin" / name).symlink_to(old)
    pyenv = tmp_path / "pyenv"
    (pyenv / "versions/3.12.1/bin").mkdir(parents=True)
    (pyenv / "versions/3.12.1/bin/python3").symlink_to(python)
    finished = bootstrap(source, PATH=f"{tmp_path}/bin:/usr/bin:/bin", PYENV_ROOT=str(pyenv))
    assert finished.returncode == 0, finished.stderr
    assert len(made(tmp_path)) == 1


def test_without_a_home_it_works_as_well(
    source: Path, tmp_path: Path, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(python)
    finished = bootstrap(source, PATH=f"{tmp_path}/bin:/usr/bin:/bin")
    assert (finished.returncode, finished.stderr) == (0, "")


def test_the_command_and_its_arguments_arrive_as_they_are(source: Path, python: Path) -> None:
    finished = bootstrap(source, "shell", "--", "a  b", LAB_PYTHON=str(python))
    assert finished.stdout == f"{source.parent}: -m lab shell -- a  b\n"


def test_a_second_call_makes_nothing_and_needs_no_python(source: Path, tmp_path: Path, python: Path) -> None:
    bootstrap(source, LAB_PYTHON=str(python))
    again = bootstrap(source, "status", LAB_PYTHON="/nonexistent")
    assert (again.returncode, again.stderr) == (0, "")
    assert made(tmp_path) == [f"{source}/lab/bootstrap.py"]


@pytest.mark.parametrize("name", ["uv.lock", "pyproject.toml", "lab/bootstrap.py"])
def test_a_changed_lock_makes_the_environment_again(source: Path, tmp_path: Path, python: Path, name: str) -> None:
    bootstrap(source, LAB_PYTHON=str(python))
    with (source / name).open("a") as file:
        file.write("\n# changed\n")
    bootstrap(source, LAB_PYTHON=str(python))
    bootstrap(source, LAB_PYTHON=str(python))
    assert len(made(tmp_path)) == 2


def test_the_developers_environment_serves_users_as_well_and_not_the_other_way_round(
    source: Path, tmp_path: Path, python: Path
) -> None:
    for arguments in ((), ("--dev",), (), ("--dev",)):
        assert bootstrap(source, *arguments, LAB_PYTHON=str(python)).returncode == 0
    assert made(tmp_path) == [f"{source}/lab/bootstrap.py", f"{source}/lab/bootstrap.py --dev"]


def test_an_attempt_that_failed_is_made_again(source: Path, tmp_path: Path, python: Path) -> None:
    broken = script(tmp_path / "broken", f"""[ "$1" = - ] && exec '{sys.executable}' "$@"; exit 5""")
    assert bootstrap(source, LAB_PYTHON=str(broken)).returncode == 5
    assert bootstrap(source, LAB_PYTHON=str(python)).returncode == 0
    assert len(made(tmp_path)) == 1
