"""How Git runs wherever the lab handles what a repository contains: as data, never executed and never followed."""

from __future__ import annotations

from collections.abc import Mapping

CONTENT_IS_DATA = {
    "core.hooksPath": "/dev/null",
    "core.symlinks": "false",
    "core.fsmonitor": "false",
    "core.attributesFile": "/dev/null",
    "protocol.ext.allow": "never",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
}
"""Settings (git-config(1)) under which nothing that a repository contains executes or points out of its folder. Filter
drivers need a program in Git's configuration, and no configuration file that Git reads here comes with a repository."""
PROTOCOLS = "file:http:https:ssh"
"""The transports that Git may use (GIT_ALLOW_PROTOCOL in git(1)); `ext::`, which runs a command, is not among them."""


def content_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` with what keeps Git from executing or following what a repository contains; applied once only.

    Messages are in English, because the lab distinguishes some of them.
    """
    if set(CONTENT_IS_DATA) <= {value for name, value in environment.items() if name.startswith("GIT_CONFIG_KEY_")}:
        return dict(environment)
    first = int(environment.get("GIT_CONFIG_COUNT", 0))
    variables = {
        "GIT_ALLOW_PROTOCOL": PROTOCOLS,
        "GIT_ATTR_NOSYSTEM": "1",
        # A mirror has the refs of git-replace(1), by which Git reads another object in place of one.
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_CONFIG_COUNT": str(first + len(CONTENT_IS_DATA)),
        "LC_ALL": "C.UTF-8",
    }
    for number, (name, value) in enumerate(CONTENT_IS_DATA.items(), first):
        variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return {**environment, **variables}
