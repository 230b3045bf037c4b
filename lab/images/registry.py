"""A container registry: whether it answers, where a mirror has an image, and what a failed pull means."""

from __future__ import annotations

import re
import ssl

from lab.docker import docker
from lab.errors import NetworkError
from lab.images.trouble import raise_if_full
from lab.paths import Paths

HUB = "docker.io"
HUB_API = "registry-1.docker.io"
LIMIT = 1800
PROBE_SECONDS = 2.5
WAY_ON = "or continue without a registry: IMAGES=build, or IMAGES=bundle with a bundle"
TOO_MANY = re.compile(r"toomanyrequests|too many requests|rate limit|\b429\b")
REFUSED = re.compile(r"unauthorized|denied|authentication required|no basic auth credentials|forbidden|\b40[13]\b")
UNKNOWN = re.compile(r"(manifest|name) unknown|not found|no matching manifest|\b404\b")
CHANGED = re.compile(r"(manifest|name) unknown|not found|\b404\b|verification failed|digest mismatch|does not match")
"""Docker's messages for a digest that the registry does not have, or has other bytes for."""
TROUBLE = re.compile(r"http status: (5\d\d)|http (5\d\d) response")


def split(reference: str) -> tuple[str, str]:
    """A public reference as its registry and the rest, which begins with the repository."""
    first, slash, rest = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first, rest
    return HUB, reference if slash else f"library/{reference}"


def mirrored(reference: str, mirror: str) -> str:
    """Where to pull `reference` from: the mirror has it under the same repository, less its own registry."""
    return f"{mirror.rstrip('/')}/{split(reference)[1]}" if mirror else reference


def answers(mirror: str) -> bool:
    """Whether a registry answers (it may require a sign-in), within a few seconds."""
    import httpx

    host = mirror.partition("/")[0] or HUB_API
    scheme = "http" if host.partition(":")[0] in {"localhost", "127.0.0.1"} else "https"
    try:
        # The machine's own certificates: networks that intercept TLS have theirs there.
        context = ssl.create_default_context()
        answer = httpx.get(f"{scheme}://{host}/v2/", timeout=PROBE_SECONDS, verify=context)
    except (httpx.HTTPError, httpx.InvalidURL, OSError):
        return False
    # Another page in its place (a portal, a proxy's refusal) does not have this header.
    return "docker-distribution-api-version" in answer.headers and answer.status_code in {200, 401}


def pull(paths: Paths, reference: str, architecture: str, *, lock: str = "") -> None:
    """Pull `reference`; `lock` is the file that its digest was recorded in, if it was.

    Raises:
        NetworkError: the registry refuses, limits pulls, does not have it (any more) or does not answer.
        HostError: the disk is full.
    """
    pulled = docker(
        "pull", "--quiet", "--platform", f"linux/{architecture}", reference, limit=LIMIT, check=False
    )  # fmt: skip
    if pulled.status != 0:
        said = pulled.stderr.strip()
        raise_if_full(said, f"{reference} is pulled", paths.home)
        if lock and CHANGED.search(said.lower()):
            raise changed(reference, lock, said)
        raise refusal(reference, said)


def changed(reference: str, lock: str, said: str) -> NetworkError:
    """The error for an image that is not the one that was recorded."""
    name, _, digest = reference.partition("@")
    return NetworkError(
        f"{split(reference)[0]} does not have {name} as {lock} records it ({digest[:19]}…): it was replaced or removed",
        f"`make images RELOCK=1` records and takes what the registry has now, {WAY_ON}",
        said,
    )


def refusal(reference: str, said: str) -> NetworkError:
    """The error for the output of `docker pull`."""
    host = split(reference)[0]
    text = said.lower().replace(host.lower(), "")  # a port can look like a status
    sign_in = f"sign in (docker login {host})"
    if TOO_MANY.search(text):
        message, hint = f"{host} allows no more pulls now (429)", f"{sign_in} or wait"
    elif REFUSED.search(text):
        message, hint = f"{host} refuses {reference} (401 or 403)", sign_in
    elif UNKNOWN.search(text):
        message, hint = f"{host} does not have {reference}", "check images.registry"
    elif found := TROUBLE.search(text):
        message, hint = f"{host} answers with a server error ({found[1] or found[2]})", "try again later"
    else:
        message, hint = f"{host} does not answer: {reference} could not be pulled", "check the network and its proxy"
    return NetworkError(message, f"{hint}, {WAY_ON}", said)
