"""Images baked into the node's image: a cluster made from it has them, unpacked, without a copy at each start."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from lab.docker import QUICK, docker, inspect
from lab.errors import ProgramError
from lab.proc import run

LIMIT = 1200
"""Seconds that importing all images may take, and that committing them may."""

PROGRAM = "/usr/local/libexec/lab/bake-images"
STANDS_FOR = "lab.stands-for"
"""The label by which an image says which images of registry.k8s.io it is baked in place of."""

PIPE = 'container=$1; shift; docker save "$@" | docker start --attach --interactive "$container"'


def bake(node_base: str, images: Sequence[str], target: str, note: Callable[[str], None]) -> None:
    """Make the image `target`: `node_base` with `images` in its containerd, under their own names.

    An image with the label `lab.stands-for` is there also under the names by which kubeadm asks for Kubernetes' own.
    Whatever happens, no container and no volume is left.

    Raises:
        ProgramError: an image is not there, or could not be imported; the importer's last lines are the detail.
    """
    found = {image: inspect("image", image) for image in (node_base, *images)}
    if missing := [image for image, facts in found.items() if facts is None]:
        raise ProgramError(f"not to be found: {', '.join(missing)}", "`make lab-up` builds what is missing")
    base = found[node_base] or {}
    arguments = [argument(image, found[image] or {}) for image in images]
    with importer(node_base, arguments) as container:
        note(f"importing {len(images)} images into the node")
        run(["sh", "-c", PIPE, "sh", container, *images], limit=LIMIT)
        note("storing the node's image")
        docker("commit", *restored(base["Config"]), container, target, limit=LIMIT)


def argument(image: str, facts: Mapping[str, Any]) -> str:
    """The importer's argument for an image: its full name, and the images that it replaces."""
    labels = (facts.get("Config") or {}).get("Labels") or {}
    stands_for = ",".join(labels.get(STANDS_FOR, "").split())
    return f"{full_name(image)}={stands_for}" if stands_for else full_name(image)


def full_name(image: str) -> str:
    """The name by which containerd knows an image: with registry and tag, where Docker leaves them out."""
    first, slash, _ = image.partition("/")
    if not slash:
        image = f"docker.io/library/{image}"
    elif not ("." in first or ":" in first or first == "localhost"):
        image = f"docker.io/{image}"
    return image if ":" in image.rpartition("/")[2] else f"{image}:latest"


@contextmanager
def importer(node_base: str, arguments: Sequence[str]) -> Iterator[str]:
    """A container that will import what comes on its standard input; gone, with its volume, when the block ends.

    The volume is not named in the image's configuration (`--mount`, not `--volume`): `docker commit` would keep it.
    """
    name = f"lab-bake-{secrets.token_hex(4)}"
    try:
        docker(
            *("create", "--name", name, "--privileged", "--network", "none", "--interactive"),
            *("--mount", "type=volume,destination=/var/lib/containerd", "--entrypoint", PROGRAM),
            *(node_base, *arguments),
            limit=QUICK,
        )
        yield name
    finally:
        docker("rm", "--force", "--volumes", name, limit=LIMIT, check=False)


def restored(config: Mapping[str, Any]) -> list[str]:
    """Options by which `docker commit` gives the node's image back what the importer's container was started with."""
    changes = [f"ENTRYPOINT {json.dumps(config['Entrypoint'])}", "CMD []"]
    return [part for change in changes for part in ("--change", change)]
