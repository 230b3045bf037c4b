"""What an attacker makes of a repository: each edits a working copy and leaves it ready to be pushed."""

from __future__ import annotations

from collections.abc import Callable

from tests.hostile.world import World
from tests.writers.place import DATASET, POINTER

Hostile = Callable[[World], None]


def folder_is_a_link(world: World) -> None:
    world.link("datasets", world.outside)


def folder_is_a_link_into_git(world: World) -> None:
    """The folder of hooks, under a name that a pointer can be in."""
    world.link("datasets", ".git/hooks")


def pointer_is_a_link(world: World) -> None:
    world.link(POINTER, "/etc/passwd")


def pointer_is_a_link_to_a_pointer(world: World) -> None:
    world.write("elsewhere", world.pointer())
    world.link(POINTER, "../elsewhere")


def dataset_is_a_link(world: World) -> None:
    """Through which rows would be appended to another file."""
    world.link(DATASET, world.outside / "victim.csv")


def dataset_is_in_git(world: World) -> None:
    world.write(DATASET, "Employee ID\n1\n")


def dataset_is_a_folder(world: World) -> None:
    world.write(f"{DATASET}/a", "")


def pointer_is_a_folder(world: World) -> None:
    (world.desk / POINTER).unlink()
    world.write(f"{POINTER}/a", "")


def pointer_is_a_submodule(world: World) -> None:
    world.submodule(POINTER)


def folder_is_a_submodule(world: World) -> None:
    world.submodule("datasets")


def configuration_is_a_link(world: World) -> None:
    world.link(".dvc/config", "/etc/passwd")


def dvc_is_a_link(world: World) -> None:
    world.link(".dvc", world.outside)


def dvc_is_a_submodule(world: World) -> None:
    world.submodule(".dvc")


def no_configuration(world: World) -> None:
    (world.desk / ".dvc" / "config").unlink()


def huge_pointer(world: World) -> None:
    world.write(POINTER, world.pointer() + "#" * 2_000_000)


def huge_configuration(world: World) -> None:
    world.write(".dvc/config", "#" * 2_000_000)


def hook_by_pointer(world: World) -> None:
    world.link("datasets/hooks", "../.git/hooks")
    world.write(POINTER, world.pointer().replace("path: employees.csv", "path: hooks/reference-transaction")
                + "  isexec: true\n")  # fmt: skip


def working_directory(world: World) -> None:
    world.write(POINTER, world.pointer() + f"wdir: {world.outside}\n")


def command(world: World) -> None:
    world.write(POINTER, world.pointer() + f"cmd: {world.executable}\n")


def imported(world: World) -> None:
    world.write(POINTER, world.pointer() + "deps:\n- path: ../../outside/victim.csv\n")


def executable(world: World) -> None:
    world.write(POINTER, world.pointer() + "  isexec: true\n")


def remote_of_the_pointer(world: World) -> None:
    world.write(POINTER, world.pointer() + "  remote: other\n")


def path_outside(world: World) -> None:
    world.write(POINTER, world.pointer().replace("path: employees", f"path: {world.outside}/employees"))


def moved_pointer(world: World) -> None:
    world.place.git("mv", POINTER, "datasets/other.csv.dvc")
    world.write(POINTER, (world.desk / "datasets/other.csv.dvc").read_text().replace("employees", "other"))


def folder_pointer(world: World) -> None:
    world.write(POINTER, world.pointer().replace("\n  size", ".dir\n  size"))


def dvc_2(world: World) -> None:
    world.write(POINTER, world.pointer().replace("  hash: md5\n", ""))


REFUSED: list[tuple[Hostile, str]] = [
    (folder_is_a_link, "datasets is a symbolic link"),
    (folder_is_a_link_into_git, "datasets is a symbolic link"),
    (pointer_is_a_link, "is a symbolic link"),
    (pointer_is_a_link_to_a_pointer, "is a symbolic link"),
    (dataset_is_a_link, "is itself in the repository"),
    (dataset_is_in_git, "is itself in the repository"),
    (dataset_is_a_folder, "is itself in the repository"),
    (pointer_is_a_folder, "is a folder"),
    (configuration_is_a_link, ".dvc/config is a symbolic link"),
    (dvc_is_a_link, ".dvc is a symbolic link"),
    (no_configuration, ".dvc/config is not in the repository"),
    (huge_pointer, "bytes in the repository"),
    (huge_configuration, "bytes in the repository"),
    (hook_by_pointer, POINTER),
    (working_directory, "wdir"),
    (command, "cmd"),
    (imported, "deps"),
    (executable, "isexec"),
    (remote_of_the_pointer, "remote"),
    (path_outside, "not the one beside it"),
    (moved_pointer, "it was moved"),
    (folder_pointer, "points to a folder"),
    (dvc_2, "DVC 2"),
]


def local_configuration(world: World) -> None:
    world.write(".dvc/config.local", f"[cache]\ndir = {world.outside}\n[core]\nremote = none\n")


def poisoned_cache(world: World) -> None:
    """Another content under the md5 of the base."""
    md5 = world.place.pointer("HEAD").md5
    world.write(f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}", "Employee ID\n1\n")


def dvcs_locks(world: World) -> None:
    world.write(".dvc/tmp/rwlock", "{")
    world.write(".dvc/tmp/lock", "1\n")


def dvc_ignores_all(world: World) -> None:
    world.write(".dvcignore", "*\n")


def a_stage(world: World) -> None:
    world.write("dvc.yaml", f"stages:\n  a:\n    cmd: {world.executable}\n    outs: [{DATASET}]\n")


def attributes(world: World) -> None:
    """Conversions that Git itself makes where files are checked out."""
    world.write("x", f'[filter "x"]\nsmudge = {world.executable}\nclean = {world.executable}\n')
    world.write(".gitconfig", "[include]\npath = x\n")
    world.place.git("add", "--all", "--force")
    text = "* filter=x diff=x merge=x ident eol=crlf working-tree-encoding=UTF-16 export-subst\n"
    (world.place.folder / "run.log").write_text(text)
    blob = world.place.git("hash-object", "-w", "--no-filters", str(world.place.folder / "run.log"))
    world.place.git("update-index", "--add", "--cacheinfo", f"100644,{blob},.gitattributes")


def submodules(world: World) -> None:
    text = f'[submodule "a"]\npath = a\nurl = ext::{world.executable}\nupdate = !{world.executable}\n'
    world.write(".gitmodules", text)
    world.place.git("update-index", "--add", "--cacheinfo", f"160000,{world.place.git('rev-parse', 'HEAD')},a")


def hooks(world: World) -> None:
    for name in ("post-checkout", "pre-commit", "reference-transaction", "pre-push"):
        world.write(f"hooks/{name}", f"#!/bin/sh\n{world.executable}\n")
        (world.desk / "hooks" / name).chmod(0o755)


def bare_repository_inside(world: World) -> None:
    world.write("HEAD", "ref: refs/heads/main\n")
    world.write("config", f"[core]\nrepositoryformatversion = 0\nbare = true\nfsmonitor = {world.executable}\n")
    for name in ("objects/x", "refs/x"):
        world.write(name, "")


def mailmap(world: World) -> None:
    world.write(".mailmap", "Lab pipeline <x@y> <ada@example.invalid>\n")


HARMLESS: list[Hostile] = [
    local_configuration, poisoned_cache, dvcs_locks, dvc_ignores_all, a_stage, hooks,
    mailmap, bare_repository_inside, attributes, submodules,
]  # fmt: skip
"""In an order in which all can be made in one repository: attributes would change what is added after them."""
