"""Opens a bundle: everything in it is checked, and all but the images is unpacked below `.lab/bundle/`.

Standard library only: bootstrap.py opens a bundle before the lab's own environment exists.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.bundle_file.archive import Bundle, contents, read
from lab.bundle_file.fit import require_fit, sha256_of
from lab.bundle_file.signature import allowed_signers, require_signed
from lab.errors import HostError
from lab.paths import make_home

IMAGES, CHART = "images.tar.zst", "airflow.tgz"
PACKAGES, PROGRAMS = "packages", "programs"
FACTS = "bundle.json"
MIB = 1 << 20

Note = Callable[[str], None]


def open_bundle(file: Path, source: Path, home: Path, note: Note, signers: Path | None = None) -> Bundle:
    """Check the bundle and unpack it, unless this file has been opened before.

    With a file of allowed signers, its signature is checked first each time; nothing is unpacked without it.

    Raises:
        HostError: no such file, no bundle, one that does not fit, or too little disk.
        CheckFailedError: it is damaged, and what of it is named; or it is not signed by an allowed signer.
        SettingsError: there is no such file of allowed signers.
    """
    bundle = read(file.absolute())
    if signers:
        require_signed(bundle, signers)
    require_fit(bundle, source)
    folder = home / "bundle" / bundle.digest[:12]
    facts, state = folder / FACTS, state_of(bundle.file)
    known = facts.exists()
    if known and json.loads(facts.read_text("utf-8"))["state"] == state:
        return bundle
    if known:
        lay_out(bundle, None, note)
    else:
        require_disk(bundle, home)
        lay_out_whole(bundle, folder, note)
    # Last, and with the path of the file: its images are read from there.
    partial = facts.with_name(f"{FACTS}.new")
    record = {"digest": bundle.digest, "start": bundle.start, "state": state, "manifest": bundle.manifest}
    partial.write_text(json.dumps(record, indent=1), "utf-8")
    partial.replace(facts)
    return bundle


def state_of(file: Path) -> list[Any]:
    """An identifier of the file that was checked, without reading it again."""
    found = file.stat()
    return [str(file), found.st_ino, found.st_size, found.st_mtime_ns]


def require_disk(bundle: Bundle, home: Path) -> None:
    """Refuse if the disk does not have enough space."""
    make_home(home)
    needed = sum(member.size for member in bundle.members if member.name != IMAGES) // MIB + 1
    free = shutil.disk_usage(home).free // MIB
    if free < needed:
        message = f"the bundle needs {needed:,} MiB of disk to be unpacked, {free:,} MiB are free in {home}"
        raise HostError(message, "free some space, or clone the lab to another disk")


def lay_out_whole(bundle: Bundle, folder: Path, note: Note) -> None:
    """Replace any other opened bundle, once this one has been verified."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        lay_out(bundle, folder, note)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other)


def lay_out(bundle: Bundle, folder: Path | None, note: Note) -> None:
    """Check every byte; keep the files in `folder`, except the images, which are loaded from the bundle."""
    total, done = sum(member.size for member in bundle.members), 0
    for member, content in contents(bundle):
        target = folder / member.name if folder and member.name != IMAGES else Path(os.devnull)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as stream:
            for chunk in content:
                stream.write(chunk)
                done += len(chunk)
                note(f"{done * 10 // total * 10} %")
        if folder and member.name.startswith(f"{PROGRAMS}/"):
            target.chmod(0o755)


def opened(home: Path) -> tuple[Path, Bundle] | None:
    """The folder where the bundle that was opened last is laid out, and the bundle; None if none was."""
    found = next((home / "bundle").glob(f"*/{FACTS}"), None)
    if found is None:
        return None
    facts = json.loads(found.read_text("utf-8"))
    return found.parent, Bundle(Path(facts["state"][0]), facts["digest"], facts["start"], facts["manifest"])


def packages_for(lock: str, source: Path, home: Path) -> Path | None:
    """The folder with all packages that this lock names, if the bundle that was opened was made from this very lock."""
    found = opened(home)
    if found is None or found[1].manifest["made_from"].get(lock) != sha256_of(source / lock):
        return None
    return found[0] / PACKAGES


def uv_options(packages: Path | None) -> tuple[str, ...]:
    """Options that make uv install from this folder alone; hashes are checked as always."""
    return () if packages is None else ("--offline", "--no-index", "--find-links", str(packages))


def packages_for_call(arguments: list[str], source: Path, home: Path, say: Note) -> Path | None:
    """For bootstrap.py: the packages of the bundle that `up --bundle FILE` names, or of the one opened before; or None.

    Raises:
        LabError: as open_bundle.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--bundle")
    parser.add_argument("--allowed-signers")
    options = parser.parse_known_args(arguments)[0]
    if options.bundle and arguments[:1] == ["up"]:
        say("Checking and unpacking the bundle (≤ 120 s) …")
        signers = allowed_signers(options.allowed_signers, source)
        open_bundle(Path(options.bundle).expanduser(), source, home, lambda _: None, signers)
    return packages_for("uv.lock", source, home)
