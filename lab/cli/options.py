"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Branch = Annotated[str, typer.Option(help="Versions of this branch of the lab's repository.")]
