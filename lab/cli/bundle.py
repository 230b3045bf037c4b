"""`lab bundle`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command(
        help="Write one file from which either engine comes up without a network: lab up --bundle FILE.",
        epilog="Example: lab bundle lab.tar",
    )(bundle)


def bundle(
    file: Annotated[
        Path | None, typer.Argument(help="Write it here. Default: a name with its version and platform.")
    ] = None,
    engine: Annotated[
        str, typer.Option(envvar=[], help="Of which engine: both, or local (small: without images).")
    ] = "both",
    sign: Annotated[
        Path | None, typer.Option(help="Sign it with this key of OpenSSH, or the public one of a key in ssh-agent.")
    ] = None,
) -> None:
    from lab import ui
    from lab.bundle.make import default_name, make_bundle
    from lab.bundle.sbom import sbom_file
    from lab.bundle_file import archive, signature
    from lab.cli import context
    from lab.docker import require_engine
    from lab.errors import SettingsError
    from lab.paths import Paths

    if engine not in {"both", "local"}:
        raise SettingsError(f"there is no bundle for engine {engine!r}", "engines: both, local")
    paths, settings = Paths.of(), context.settings()
    target = (file or Path(default_name(paths))).expanduser().absolute()
    images = engine == "both"
    if images:
        require_engine()
    with context.exclusive("bundle"), ui.step("Making a bundle", 3600) as shown:
        size = make_bundle(paths, settings, target, lambda text: shown.note("", text), images=images)
    ui.say(f"{target}  ({size >> 20:,} MiB)")
    ui.say(f"{sbom_file(target)}  (what is in it)")
    if sign:
        ui.say(f"{signature.sign(archive.read(target), sign.expanduser())}  (its signature)")
    ui.say()
    ui.say(f"Next:  make lab-up BUNDLE={target.name}      in a checkout of the same commit, with no network at all")
