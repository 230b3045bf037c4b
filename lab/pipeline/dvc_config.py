"""What the lab uses of a repository's `.dvc/config`: the default remote's URL on S3. Everything else it ignores.

DVC never opens a repository's configuration: other keys name files on this machine, programs (`credential_process` in
a file that `configpath` names), endpoints and folders. The lab writes a configuration for each run instead.
"""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass
from typing import Final

from lab.pipeline.errors import DatasetError
from lab.pipeline.log import printable

FILE: Final = ".dvc/config"
SECTION = re.compile(r"""(['"]?)remote (["'])(.+)\2\1""")
"""A remote's section ("dvc config" in DVC's command reference): `['remote "name"']`."""
URL = re.compile(r"s3://[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9](/[\w.=+@-]+)*/?", re.ASCII)
UNREMARKABLE = {"core.analytics", "core.autostage", "core.check_update", "core.no_scm"}
"""What changes nothing in a run, and is in many repositories."""
HINT = f"{FILE} needs `remote = <name>` in [core], and `url = s3://bucket/prefix` in ['remote \"<name>\"']"
WRITTEN = """\
[core]
    remote = storage
    no_scm = true
    analytics = false
    check_update = false
['remote "storage"']
    url = {url}
"""


@dataclass(frozen=True)
class RemoteUrl:
    """`s3://bucket/prefix`, and the names of what else the configuration sets."""

    url: str
    ignored: tuple[str, ...] = ()

    @property
    def notice(self) -> str:
        """One line on what was ignored; empty if nothing was."""
        names = ", ".join(self.ignored[:20]) + (" …" if len(self.ignored) > 20 else "")
        return f"{FILE}: only core.remote and its url are used; ignored: {names}" if names else ""

    def configuration(self) -> str:
        """DVC's configuration for a folder of the lab."""
        return WRITTEN.format(url=self.url)


def parse(text: str) -> RemoteUrl:
    """Read a `.dvc/config`.

    Raises:
        DatasetError: it is no such file, or its default remote has no URL on S3.
    """
    reader = configparser.RawConfigParser(
        delimiters=("=",), comment_prefixes=("#",), inline_comment_prefixes=("#",), default_section="\0"
    )
    try:
        reader.read_string(text)
    except configparser.Error as error:
        raise DatasetError(f"{FILE} of the repository cannot be read", HINT) from error
    remotes = {found[3]: name for name in reader.sections() if (found := SECTION.fullmatch(name))}
    default = unquoted(reader.get("core", "remote", fallback=""))
    url = unquoted(reader.get(remotes[default], "url", fallback="")) if default in remotes else ""
    if not URL.fullmatch(url) or {".", ".."} & set(url.split("/")):
        raise DatasetError(
            f"{FILE} of the repository: the default remote {printable(default)[:50]!r} has no URL on S3, but "
            f"{printable(url)[:200]!r}", HINT,
        )  # fmt: skip
    return RemoteUrl(url, tuple(ignored(reader)))


def unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def ignored(reader: configparser.RawConfigParser) -> list[str]:
    """What is set besides the default remote, the S3 remotes' URLs, and what changes nothing."""
    names = []
    for section in reader.sections():
        found = SECTION.fullmatch(section)
        for key, value in reader.items(section):
            name = f"{f'remote {found[3]}' if found else section}.{key}"
            used = key == "url" and URL.fullmatch(unquoted(value)) if found else name == "core.remote"
            if not used and name not in UNREMARKABLE:
                names.append(printable(name)[:100])
    return names
