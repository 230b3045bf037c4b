"""`lab --help` answers at once: the heavy libraries are imported by the commands that need them."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("boto3", "botocore", "httpx", "psutil", "pydantic", "rich", "ruamel.yaml", "supervisor")


def test_the_help_imports_nothing_heavy() -> None:
    code = (
        f"import atexit, sys; from lab import cli; sys.argv[1:] = ['--help']; "
        f"atexit.register(lambda: print([name for name in {HEAVY} if name in sys.modules])); cli.main()"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert asked.stdout.endswith("\n[]\n")


@pytest.mark.parametrize(
    ("packages", "modules"),
    [
        (("lab.pipeline",), "lab.pipeline.__main__, lab.pipeline.seed"),
        (("lab.triggers", "lab.pipeline"), "lab.triggers.__main__"),
    ],
)
def test_what_runs_in_the_worker_imports_nothing_else_of_the_lab(packages: tuple[str, ...], modules: str) -> None:
    """The rest of the lab's libraries are not there."""
    code = (
        f"import sys, {modules}; "
        f"print(sorted(n for n in sys.modules if n.startswith('lab.') and not n.startswith({packages})))"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert asked.stdout == "[]\n"
