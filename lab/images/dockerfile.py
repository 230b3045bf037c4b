"""Builds one Dockerfile, and explains a failed build."""

from __future__ import annotations

import os
from pathlib import Path

from lab.docker import docker
from lab.errors import NetworkError, ProgramError
from lab.images.catalogue import Image
from lab.images.trouble import raise_if_full
from lab.proc import PROXIES, clean_environment, tail

LIMIT = 1800
LABEL = "lab.image"
NETWORK_SIGNS = ("temporary failure resolving", "could not resolve", "could not connect to", "connection timed out",
                 "failed to fetch", "unable to connect to", "no route to host", "network is unreachable")  # fmt: skip
NETWORK_HINT = (
    "containers fetch Debian's packages: check the network and the proxy (http_proxy); what is built is kept, "
    "and the same command continues from there"
)


def build_dockerfile(image: Image, folder: Path, base: str, reference: str) -> None:
    """Build the context `folder`; `reference` appears only when the image is whole.

    Raises:
        NetworkError: a package could not be fetched.
        HostError: the disk is full.
        ProgramError: an instruction failed; its last lines are the detail.
    """
    # Without --force-rm the classic builder leaves the container of a failed instruction behind.
    arguments = ["--force-rm", "--tag", reference, "--file", str(folder / image.dockerfile)]
    arguments += ["--label", f"{LABEL}={image.name}", "--build-arg", f"BASE={base}"]
    # A proxy is passed by name only; Docker keeps these arguments out of the image.
    for name in sorted((PROXIES | {"NO_PROXY", "no_proxy"}) & os.environ.keys()):
        arguments += ["--build-arg", name]
    if image.target:
        arguments += ["--target", image.target]
    environment = clean_environment({"BUILDKIT_PROGRESS": "plain"})
    built = docker("build", *arguments, folder, limit=LIMIT, env=environment, check=False)
    if built.status == 0:
        return
    said = tail(f"{built.stdout}\n{built.stderr}", 15)
    raise_if_full(said, f"the image {image.name} is built", folder)
    message = f"the image {image.name} could not be built ({image.place}/{image.dockerfile})"
    if any(sign in said.lower() for sign in NETWORK_SIGNS):
        raise NetworkError(message, NETWORK_HINT, said)
    raise ProgramError(message, "", said)
