"""A checkout of the working tree in its own folder, driven through its make targets as a person would."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

SOURCE = Path(__file__).resolve().parents[2]


@dataclass
class Checkout:
    """`folder` is the checkout, `home` replaces the person's home; `git status` is compared with `made`."""

    folder: Path
    home: Path
    variables: dict[str, str] = field(default_factory=dict)
    engine: str = "local"

    def environment(self) -> dict[str, str]:
        cache = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LAB_", "PIPELINE_"))}
        return {
            **kept,
            "HOME": str(self.home),
            "UV_CACHE_DIR": cache,
            "NO_COLOR": "1",
            "LAB_ENGINE": self.engine,
            **self.variables,
        }

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start `lab <arguments>`; its process is the lab's own, for tests that kill it."""
        return subprocess.Popen(
            ["sh", "lab/bootstrap.sh", *arguments], cwd=self.folder, env=self.environment(), text=True,
            stdin=subprocess.DEVNULL, **options,
        )  # fmt: skip

    def lab(self, *arguments: str, status: int | None = 0, limit: float = 300) -> subprocess.CompletedProcess[str]:
        """Run `lab <arguments>` to its end and require its exit status."""
        finished = subprocess.run(
            ["sh", "lab/bootstrap.sh", *arguments], cwd=self.folder, env=self.environment(), text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=limit, check=False,
        )  # fmt: skip
        if status is not None:
            details = f"{arguments} ended with {finished.returncode}\n{finished.stdout}\n{finished.stderr}"
            assert finished.returncode == status, details
        return finished

    def json(self, *arguments: str) -> Any:
        return json.loads(self.lab(*arguments, "--json").stdout)

    def status(self) -> dict[str, Any]:
        """What `lab status --json` prints, which is more than a healthy lab's; its exit status agrees with it."""
        finished = self.lab("status", "--json", status=None)
        found: dict[str, Any] = json.loads(finished.stdout)
        expected = {"healthy": 0, "down": 6, "stopped": 6, "unsupervised": 6}.get(found["state"], 1)
        assert finished.returncode == expected, f"{found['state']} with exit status {finished.returncode}"
        return found

    def checks(self) -> dict[str, Any]:
        """Run the checks of all phases twice: what they change, and for which phases there is nothing to do."""
        python = self.folder / ".lab" / "environments" / "lab" / "bin" / "python"
        command = [str(python), "-B", str(SOURCE / "tests" / "checks.py")]
        finished = subprocess.run(
            command, cwd=self.folder, env=self.environment(), text=True, capture_output=True, timeout=300, check=True
        )
        found: dict[str, Any] = json.loads(finished.stdout)
        return found

    def shell(self, script: str, status: int = 0) -> str:
        """Run a script in the lab's shell and return what it printed."""
        return self.lab("shell", "--", "sh", "-euc", script, status=status).stdout

    def secret(self, name: str) -> str:
        return (self.folder / ".lab" / "secrets" / name).read_text("utf-8").strip()

    def pids(self) -> dict[str, int]:
        return {service["name"]: service["pid"] for service in self.status()["services"]}

    def command_lines(self) -> dict[int, str]:
        """The command line of each of this lab's processes."""
        found = {}
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                found[process.pid] = " ".join(process.cmdline())
        return found

    def processes(self) -> list[psutil.Process]:
        """Every process that carries this lab's LAB_HOME."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("LAB_HOME") == str(self.folder / ".lab"):
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found


def check_out(folder: Path) -> Checkout:
    """Copy what Git knows of the working tree, edits included, and make it a separate repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=SOURCE, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    target = folder / "lab"
    for name in filter(None, listed.split("\0")):
        if (SOURCE / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(SOURCE / name, target / name)
    home = folder / "home"
    home.mkdir()
    for command in (["init", "-q"], ["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@t.invalid",
                    "commit", "-qm", "checkout"]):  # fmt: skip
        subprocess.run(["git", *command], cwd=target, check=True)
    return Checkout(target, home)
