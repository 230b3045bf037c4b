"""Makes the lock of each isolated environment from lab/pins.toml: exact versions with hashes, for every platform."""

from __future__ import annotations

from lab.paths import Paths
from lab.pins import lock_file, pins
from lab.proc import clean_environment, run


def make_lock(paths: Paths, name: str) -> bool:
    """Resolve the environment again; versions in the lock that still fit are kept. Return whether it changed."""
    pinned = pins()
    wanted = pinned["environments"][name]
    file = paths.source / lock_file(name)
    before = file.read_bytes() if file.exists() else b""
    uv = (paths.environment("lab") / "uv-path").read_text("utf-8")
    run(
        [
            uv, "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header", "--no-annotate",
            "--python-version", pinned["python"]["minimum"], "--exclude-newer", wanted["exclude-newer"],
            "--output-file", file, "-",
        ],
        env=clean_environment({"UV_PYTHON_DOWNLOADS": "never", "UV_SYSTEM_CERTS": "1"}),
        cwd=paths.source,
        text="\n".join(wanted["requirements"]) + "\n",
        limit=300,
    )  # fmt: skip
    return file.read_bytes() != before
