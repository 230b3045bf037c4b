"""Questions to services over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.access import Access


def answers(url: str) -> None:
    """Return if `url` answers with a status below 400; NotYetError otherwise."""
    import urllib.error
    import urllib.request

    from lab.wait import NotYetError

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5):
            return
    except (urllib.error.URLError, OSError) as error:
        raise NotYetError(f"{url}: {error}") from error


def secret_file(access: Access, name: str) -> str:
    """The file of a secret, relative to the checkout."""
    return str((access.paths.secrets / name).relative_to(access.paths.source))
