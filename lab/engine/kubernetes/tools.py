"""The phase that gets the programs by which the lab uses a cluster."""

from __future__ import annotations

import functools

from lab.engine.phases import Phase
from lab.paths import Paths
from lab.tools import ensure_tools, missing_tools

LIMIT = 3600
"""Seconds for tools that are all built from source; a download takes few."""


def tools(paths: Paths, title: str) -> Phase:
    get = functools.partial(ensure_tools, paths)
    return Phase("tools", title, LIMIT, lambda: not missing_tools(paths), get, installs=True)
