"""Runs on branches that want to execute, to leave their folder, or to change a setting: real Git and DVC, an S3 API."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from tests.hostile.world import EXECUTED, World
from tests.writers.place import BUCKET, DATASET, POINTER

BROKEN = 65
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


@pytest.mark.parametrize(("hostile", "words"), REFUSED, ids=lambda value: getattr(value, "__name__", ""))
def test_a_branch_that_leads_elsewhere_is_refused_with_its_reason(world: World, hostile: Hostile, words: str) -> None:
    hostile(world)
    world.push()
    world.require_refused(world.run(), BROKEN, words)


@pytest.mark.parametrize("hostile", [pointer_is_a_submodule, folder_is_a_submodule, dvc_is_a_submodule])
def test_a_submodule_is_not_followed(world: World, hostile: Hostile) -> None:
    hostile(world)
    world.push(add=False)
    world.require_refused(world.run(), BROKEN, "is a submodule")


def remote(world: World, **keys: str) -> str:
    lines = [f"url = s3://{BUCKET}/{world.place.prefix}", *(f"{key} = {value}" for key, value in keys.items())]
    return "[core]\nremote = storage\n['remote \"storage\"']\n" + "\n".join(lines) + "\n"


def configured(text: str) -> Hostile:
    return lambda world: world.write(".dvc/config", text)


BAD_REMOTES = {
    "none": "[core]\n",
    "not there": "[core]\nremote = other\n",
    "empty": "",
    "not ini": "\x00\x01",
    "a line outside": "remote = storage\n",
    "local": "[core]\nremote = a\n['remote \"a\"']\nurl = /tmp\n",
    "relative": "[core]\nremote = a\n['remote \"a\"']\nurl = ../..\n",
    "ssh": "[core]\nremote = a\n['remote \"a\"']\nurl = ssh://-oProxyCommand=x/y\n",
    "of another remote": "[core]\nremote = a\n['remote \"a\"']\nurl = remote://b/x\n['remote \"b\"']\nurl = /tmp\n",
    "traversal": "[core]\nremote = a\n['remote \"a\"']\nurl = s3://bucket/../other\n",
    "a newline": "[core]\nremote = a\n['remote \"a\"']\nurl = s3://bucket/a\n  [cache]\n  dir = /tmp\n",
    "interpolation": "[core]\nremote = a\n['remote \"a\"']\nurl = s3://%(HOME)s/x\n",
    "by default": "[DEFAULT]\nurl = s3://bucket/x\n[core]\nremote = a\n['remote \"a\"']\nprofile = b\n",
    "twice": "[core]\nremote = a\n[core]\nremote = b\n",
}


@pytest.mark.parametrize("name", BAD_REMOTES)
def test_a_remote_that_is_not_on_s3_is_refused(world: World, name: str) -> None:
    configured(BAD_REMOTES[name])(world)
    world.push()
    world.require_refused(world.run(), BROKEN, ".dvc/config of the repository")


def test_other_keys_of_the_configuration_are_ignored_and_named(world: World) -> None:
    """An AWS file that names a program, another endpoint, a cache outside, another remote on the disk."""
    world.write("aws", f"[default]\ncredential_process = {world.executable}\n")
    file = str(world.desk / "aws")
    keys = remote(world, configpath=file, credentialpath=file, profile="default", endpointurl="http://127.0.0.1:1",
                  ssl_verify="false", acl="public-read")  # fmt: skip
    further = f"[cache]\ndir = {world.outside}\ntype = symlink\n[state]\nx = y\n['remote \"b\"']\nurl = /tmp\n"
    world.write(".dvc/config", keys + further)
    world.push()
    run = world.run()
    world.require_version(run)
    (line,) = [line for line in world.output(run).splitlines() if "ignored: " in line]
    named = ["configpath", "credentialpath", "profile", "endpointurl", "ssl_verify", "acl"]
    expected = [*(f"remote storage.{name}" for name in named), "cache.dir", "cache.type", "state.x", "remote b.url"]
    assert line.partition("ignored: ")[2].split(", ") == expected


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


def test_other_files_of_the_repository_do_nothing(world: World) -> None:
    for hostile in (local_configuration, poisoned_cache, dvcs_locks, dvc_ignores_all, a_stage, hooks, mailmap,
                    bare_repository_inside, attributes, submodules):  # fmt: skip
        hostile(world)
    world.push(add=False)
    world.require_version(world.run())


def test_a_tag_that_is_called_like_the_branch_is_not_taken_for_it(world: World) -> None:
    empty = world.place.git("hash-object", "-t", "tree", "-w", "/dev/null")
    other = world.place.git("commit-tree", "-m", "Other", empty)
    for name in ("refs/tags/main", "refs/tags/origin/main", "refs/heads/origin/main", "refs/remotes/origin/main"):
        world.place.git("push", "--quiet", "origin", f"{other}:{name}")
    world.require_version(world.run())


def test_a_tree_that_leads_out_of_its_folder_is_never_written_to_a_disk(world: World) -> None:
    """Names that `git add` refuses, put into a tree by hand; what Git itself refuses then is one error."""
    place = world.place
    blob = place.git("hash-object", "-w", str(world.executable))
    tree = place.git("ls-tree", "-z", "HEAD").encode()
    for name in (".git", "..", "\\..\\x"):
        tree += f"100755 blob {blob}\t{name}\0".encode()
    raw = b"".join(
        mode + b" " + name + b"\0" + bytes.fromhex(sha.decode())
        for mode, _, sha, name in (part.replace(b"\t", b" ", 1).split(b" ", 3) for part in tree.split(b"\0") if part)
    )
    made = subprocess.run(
        ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"], input=raw, cwd=place.desk,
        capture_output=True, check=True,
    ).stdout.decode().strip()  # fmt: skip
    commit = place.git("commit-tree", made, "-p", "HEAD", "-m", "Hostile")
    place.git("push", "--quiet", "origin", f"{commit}:refs/heads/main")
    run = world.run()
    world.require_harmless(run)
    assert run.statuses[-1] in {0, 69}
    assert (run.statuses[-1] == 0) is ("\nerror: " not in f"\n{world.output(run)}")


def test_what_a_program_leaves_is_seen(world: World) -> None:
    """The trace on which the tests here rely."""
    subprocess.run([world.executable], check=True)
    assert (world.place.folder / EXECUTED).exists()
