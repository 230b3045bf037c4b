"""What the labs of all engines have in common: where they keep their ports and settings, and how they are reached."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lab.access import LoopbackAccess
from lab.config import Settings
from lab.engine import ports
from lab.environments import Environment
from lab.paths import Paths

RUNNING_SETTINGS = "settings.json"
"""The file in the lab's `run` folder that keeps what the running lab was brought up with."""


@dataclass(frozen=True)
class LabInstance:
    """The lab of one checkout, running or not."""

    paths: Paths
    settings: Settings

    made_with: ClassVar[str]
    """The file with the settings that an engine's data was made with."""

    @property
    def port_file(self) -> Path:
        return self.paths.run / "ports.json"

    @property
    def running_settings(self) -> Path:
        return self.paths.run / RUNNING_SETTINGS

    @property
    def data_settings(self) -> Path:
        return self.paths.data / self.made_with

    def port(self, name: str) -> int:
        """A port of the lab; 0 before ports were settled."""
        return ports.read(self.port_file).get(name, 0)

    def environment(self, name: str) -> Environment:
        return Environment(self.paths, name)

    def access(self) -> LoopbackAccess:
        """How the lab is reached from this machine; ports must have been settled."""
        urls = {name: f"http://127.0.0.1:{self.port(name)}" for name in ports.DEFAULTS}
        return LoopbackAccess(self.paths, self.settings, urls)
