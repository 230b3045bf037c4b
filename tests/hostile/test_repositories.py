"""Runs on branches that want to execute, to leave their folder, or to change a setting: real Git and DVC, an S3 API."""

from __future__ import annotations

import subprocess

import pytest

from tests.hostile.branches import (
    HARMLESS,
    REFUSED,
    Hostile,
    dvc_is_a_submodule,
    folder_is_a_submodule,
    pointer_is_a_submodule,
)
from tests.hostile.world import EXECUTED, World
from tests.writers.place import BUCKET

BROKEN = 65


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


def test_other_files_of_the_repository_do_nothing(world: World) -> None:
    for hostile in HARMLESS:
        hostile(world)
    world.push(add=False)
    world.require_version(world.run())


def test_a_tag_that_is_called_like_the_branch_is_not_treated_as_the_branch(world: World) -> None:
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
