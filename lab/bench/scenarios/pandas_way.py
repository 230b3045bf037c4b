"""How one adds a row with pandas: in an environment that the lab itself doesn't need."""

from __future__ import annotations

from pathlib import Path

from lab import ui
from lab.environments import Environment
from lab.paths import Paths
from lab.pins import PLAIN
from lab.uv import LIMIT

APPEND_ROW = """\
import sys, pandas
source, target = sys.argv[1:]
table = pandas.read_csv(source)
row = table.tail(1).copy()
row["Employee ID"] += 1
pandas.concat([table, row], ignore_index=True).to_csv(target, index=False)
"""


def install(paths: Paths) -> Path:
    """The python of the plain environment, which is installed from its lock where it is missing.

    Raises:
        NetworkError: its packages could not be fetched.
    """
    environment = Environment(paths, PLAIN)
    if not environment.is_current():
        with ui.step("Installing the plain environment (dvc and pandas)", LIMIT):
            environment.make()
    return paths.program(PLAIN, "python")
