"""`lab notice`: for people who change the lab's components."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    app.command(
        help="Write NOTICE: the licences of what a bundle and the images carry, from what is installed and built here.",
        epilog="Example: lab notice",
        hidden=True,
    )(notice)


def notice() -> None:
    from lab import services, ui
    from lab.errors import HostError
    from lab.notice import NOTICE
    from lab.notice import notice as text
    from lab.paths import Paths

    paths = Paths.of()
    modules = paths.machine_cache / "go-modules"
    needed = (*map(paths.environment, services.environments()), modules)
    missing = [str(folder) for folder in needed if not folder.is_dir()]
    if missing:
        raise HostError(f"there is no {missing[0]}", "make lab-install, and make images IMAGES=build")
    (paths.source / NOTICE).write_text(text(paths), "utf-8")
    ui.say(f"{paths.source / NOTICE}")
