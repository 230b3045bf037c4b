"""What the command has opened, such as a port-forward: closed when the command ends, however it ends."""

from __future__ import annotations

from contextlib import ExitStack

opened = ExitStack()
