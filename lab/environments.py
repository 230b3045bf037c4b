"""Isolated environments of Python packages, each installed from its own lock with hashes."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

from lab.bundle_file.opened import packages_for, uv_options
from lab.content import content_digest, tree
from lab.errors import NetworkError, ProgramError
from lab.paths import Paths
from lab.pins import lock_file
from lab.proc import held, run
from lab.uv import NETWORK_HINT, run_uv


@dataclass(frozen=True)
class Environment:
    """One environment: its lock (lab.pins.lock_file) installed in `.lab/environments/<name>`."""

    paths: Paths
    name: str

    @property
    def folder(self) -> Path:
        return self.paths.environment(self.name)

    @property
    def lock(self) -> Path:
        return self.paths.source / lock_file(self.name)

    @property
    def stamp(self) -> Path:
        return self.folder / ".stamp"

    def wanted(self) -> str:
        """Changes with the lock, the Python and this file."""
        parts = [self.lock.read_bytes(), sys.version.encode(), Path(__file__).read_bytes()]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def digest(self) -> str:
        """`sha256:…` of what runs in the worker's: its packages, its Python, and the pipeline's own code."""
        code = tree(self.paths.source / "lab" / "pipeline")
        return f"sha256:{content_digest([self.wanted().encode(), *code])}"

    def is_current(self) -> bool:
        return self.stamp.exists() and self.stamp.read_text("utf-8") == self.wanted()

    def make(self) -> None:
        """Install exactly what the lock names. What an interrupted attempt has left there is not trusted.

        Raises:
            NetworkError: packages could not be fetched or did not have the locked hash.
        """
        python = self.folder / "bin" / "python"
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with held(self.folder.with_suffix(".lock")) as descriptor:
            whole = (
                self.stamp.exists() and python.exists() and run([python, "-c", ""], limit=30, check=False).status == 0
            )
            self.stamp.unlink(missing_ok=True)
            try:
                if not whole:
                    new = ("venv", "--quiet", "--clear", "--python", sys.executable, str(self.folder))
                    run_uv(self.paths, *new, inherit=descriptor)
                packages = packages_for(lock_file(self.name), self.paths.source, self.paths.home)
                sync = ("pip", "sync", "--quiet", "--require-hashes", *uv_options(packages), "--python", str(python))
                run_uv(self.paths, *sync, self.lock, inherit=descriptor)
            except ProgramError as error:
                message = f"the packages of the {self.name} environment could not be installed"
                raise NetworkError(message, NETWORK_HINT, error.detail) from error
            self.finish()

    def finish(self) -> None:
        if self.name == "worker":  # `python -m lab.pipeline`, as in the worker image
            packages = next((self.folder / "lib").glob("python3*/site-packages"))
            (packages / "lab.pth").write_text(f"{self.paths.source}\n", "utf-8")
        self.stamp.write_text(self.wanted(), "utf-8")
