"""Restores what the commits need and the bucket lacks, or has damaged: from the quarantine of `lab gc`, from
any file that still has the bytes, else by deriving it again. What is sound is never written.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.access import BRANCH, Access
from lab.components import storage
from lab.lineage import needed, quarantine, receipts, versions
from lab.lineage.inspection import Wanted, in_parallel, inspect, md5_of
from lab.lineage.quarantine import Held
from lab.lineage.replay import Replay
from lab.lineage.reproduce import file_md5
from lab.lineage.sources import search
from lab.lineage.verify import previous
from lab.lineage.versions import DataVersion
from lab.pipeline import receipt
from lab.pipeline.git import Repository

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Restored:
    """An object that was restored, and where its bytes came from."""

    key: str
    kind: str
    source: str


@dataclass(frozen=True)
class Lost:
    """An object that could not be restored; `versions` are those that need it."""

    key: str
    kind: str
    versions: list[str]
    reason: str


@dataclass
class RepairOutcome:
    """What was done. `unreadable` pointers may need further, unknown objects."""

    sound: int = 0
    restored: list[Restored] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    skipped_files: int = 0


@dataclass
class KnownVersions:
    """Every version of every branch and tag by md5, with the version before it, bases first; and what to call it."""

    by_md5: dict[str, tuple[DataVersion, DataVersion | None]] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)


def repair(access: Access, folders: list[Path], progress: Progress) -> RepairOutcome:
    """Restore what can be; `folders` are searched for files besides those of the lab itself.

    Raises:
        LabError: the repository or the object store could not be read.
    """
    s3 = storage.client(access)
    storage.ensure_bucket(access)
    outcome = RepairOutcome()
    held: dict[str, list[Held]] = defaultdict(list)
    for each in quarantine.listed(access, s3):
        held[each.original].append(each)
    own = [access.paths.cache, access.paths.home / "reproduced", access.paths.data]
    with versions.fresh_clone(access, "--mirror") as clone:
        known = known_versions(clone)
        checked: set[str] = set()
        while True:  # a restored folder names files that were not known before
            wanted = needed.of_repository(access, clone, s3)
            sizes = {md5: size for md5, size in wanted.sizes.items() if md5 not in checked}
            if not sizes:
                break
            restore_data(Work(access, s3, known, outcome, held, progress), sizes, [*folders, *own])
            checked |= set(sizes)
        outcome.unreadable = wanted.unreadable
    lost = {each.key for each in outcome.lost}
    restore_receipts(Work(access, s3, known, outcome, held, progress), lost)
    return outcome


@dataclass(frozen=True)
class Work:
    """What each part of a repair works with."""

    access: Access
    s3: Any
    known: KnownVersions
    outcome: RepairOutcome
    held: dict[str, list[Held]]
    """The quarantine, by the keys that the objects had."""
    progress: Progress

    def take(self, key: str, kind: str, *, is_sound: Callable[[Held], bool]) -> bool:
        """Copy a sound object out of the quarantine; the next `lab gc --delete` removes the one there."""
        for each in self.held.get(key, []):
            if is_sound(each):
                storage.copy(self.access, each.key, key, self.s3)
                self.outcome.restored.append(Restored(key, kind, "quarantine"))
                return True
        return False

    def put(self, md5: str, file: Path, source: str) -> bool:
        """Upload a file if its bytes are those of the md5; they are read again, as they may have changed."""
        if file_md5(file) != md5.removesuffix(needed.FOLDER):
            return False
        key = storage.object_key(self.access, md5)
        with file.open("rb") as content:
            storage.write(self.access, key, content, self.s3)
        self.outcome.restored.append(Restored(key, "data", source))
        return True


def known_versions(clone: Repository) -> KnownVersions:
    """The versions of main first, so that their numbers are the usual ones."""
    known = KnownVersions()
    listed = clone.out("for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags").splitlines()
    for reference in sorted(listed, key=lambda name: name != f"refs/heads/{BRANCH}"):
        if clone.commit_of(reference) is None:
            continue
        read = versions.read(clone, reference)
        before = previous(read)
        short = reference.split("/", 2)[2]
        for each in read:
            if each.md5 is None:
                continue
            known.by_md5.setdefault(each.md5, (each, before[each.number]))
            if short == BRANCH or each.md5 not in known.names:
                name = str(each.number) if short == BRANCH else f"{each.number} of {short}"
                known.names.setdefault(each.md5, []).append(name)
    return known


def restore_data(work: Work, sizes: dict[str, int | None], folders: list[Path]) -> None:
    """Restore those of these objects that are missing or damaged."""
    keys = {md5: storage.object_key(work.access, md5) for md5 in sizes}
    found = in_parallel(
        lambda md5: md5_of(work.access, keys[md5], work.s3), list(sizes), "objects checked", work.progress
    )
    broken = {md5: size for md5, size in sizes.items() if found[md5] != md5.removesuffix(needed.FOLDER)}
    work.outcome.sound += len(sizes) - len(broken)
    broken = {md5: size for md5, size in broken.items() if not take_data(work, md5)}
    if not broken:
        return
    work.progress(f"looking for {len(broken)} objects on this machine")
    at_hand = search(folders, broken)
    work.outcome.skipped_files += at_hand.unreadable
    missing = [md5 for md5 in broken if md5 not in at_hand.files or not work.put(
        md5, at_hand.files[md5], str(at_hand.files[md5]))]  # fmt: skip
    replay_missing(work, set(missing))


def take_data(work: Work, md5: str) -> bool:
    """Restore this object from the quarantine, if its bytes are there."""
    whole = md5.removesuffix(needed.FOLDER)
    return work.take(
        storage.object_key(work.access, md5), "data",
        is_sound=lambda each: md5_of(work.access, each.key, work.s3) == whole,
    )  # fmt: skip


def replay_missing(work: Work, missing: set[str]) -> None:
    """Derive again what no file has; the rest is lost."""
    work.access.paths.temporary.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work.access.paths.temporary, prefix="repair-") as folder:
        replay = Replay(work.access, work.s3, Path(folder) / "replayed.csv")
        for md5, (version, base) in work.known.by_md5.items():
            if md5 not in missing:
                continue
            work.progress(f"deriving version {work.known.names[md5][0]} again")
            base_size = base.size if base and base.md5 == version.base_md5 else None
            made = replay.make(version, base_size)
            if made is not None and work.put(md5, made, "seed" if version.seed is not None else "replay of its run"):
                missing.discard(md5)
    for md5 in missing:
        names = work.known.names.get(md5, [])
        work.outcome.lost.append(Lost(storage.object_key(work.access, md5), "data", names, why(work.known, md5)))


def why(known: KnownVersions, md5: str) -> str:
    """Why it could not be derived."""
    if md5 not in known.by_md5:
        return "no copy was found, and no run made it"
    version, _ = known.by_md5[md5]
    if version.run_id is None and version.seed is None:
        return f"no copy was found, and {version.author} committed it by hand, so it cannot be replayed"
    return "no copy was found, and a replay gives other bytes: its base is lost, or other code made it"


def restore_receipts(work: Work, lost: set[str]) -> None:
    """Restore the receipts that are missing, or that disagree with their commits, of data that is there."""
    promised = {md5: pair for md5, pair in work.known.by_md5.items() if pair[0].promises_receipt}
    read = in_parallel(
        lambda md5: receipts.read(work.access, md5, work.s3), list(promised), "receipts checked", work.progress
    )
    for md5, (version, base) in promised.items():
        key = storage.receipt_key(work.access, md5)
        if not receipts.problems(version, read[md5]):
            work.outcome.sound += 1
        elif storage.object_key(work.access, md5) in lost:
            reason = "its data is lost, and only the data has all of it"
            work.outcome.lost.append(Lost(key, "receipt", work.known.names[md5], reason))
        elif not work.take(key, "receipt", is_sound=lambda each, version=version: not receipts.problems(  # type: ignore[misc]
            version, receipts.at(work.access, each.key, work.s3))):  # fmt: skip
            last_id = inspect(work.access, Wanted(md5, version.path), work.s3).last_id
            content = receipt.content(receipts.remade(version, base, last_id))
            storage.write(work.access, key, content, work.s3)
            work.outcome.restored.append(Restored(key, "receipt", "commit"))
