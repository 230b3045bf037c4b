"""Runs uv: the one that made the lab's own environment, with the host's index and certificates."""

from __future__ import annotations

import os
from pathlib import Path

from lab.paths import Paths
from lab.proc import clean_environment, run

LIMIT = 600
NETWORK_HINT = (
    "check the network, the proxy (HTTPS_PROXY) and the package index (UV_DEFAULT_INDEX or PIP_INDEX_URL); "
    "what is fetched is kept, and `make lab-up` continues from there"
)


def run_uv(paths: Paths, *arguments: str | Path, inherit: int | None = None) -> None:
    """Run `uv <arguments>`; `inherit` is a lock that is to last as long as it does (lab.proc.held).

    Raises:
        ProgramError: it failed.
    """
    uv = (paths.environment("lab") / "uv-path").read_text("utf-8")
    # LAB_HOME: an install that outlives a killed `lab up` is the lab's own, and ended with the rest.
    variables = {
        "LAB_HOME": str(paths.home),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_SYSTEM_CERTS": "1",
        "UV_NATIVE_TLS": "1",
    }
    index = os.environ.get("PIP_INDEX_URL")
    if index and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & os.environ.keys():
        variables["UV_DEFAULT_INDEX"] = index
    held = () if inherit is None else (inherit,)
    run([uv, *arguments], env=clean_environment(variables), cwd=paths.source, limit=LIMIT, inherit=held)
