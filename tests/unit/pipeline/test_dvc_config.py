"""Of a repository's `.dvc/config` the default remote's URL is used, as people and DVC write it."""

from __future__ import annotations

import pytest

from lab.components.repository import DVC_CONFIG
from lab.pipeline.dvc_config import RemoteUrl, parse

URL = "s3://mlops-lab/dvc"


def test_the_labs_own_configuration_has_nothing_that_is_ignored() -> None:
    found = parse(DVC_CONFIG.format(remote=URL))
    assert found == RemoteUrl(URL)
    assert found.notice == ""


@pytest.mark.parametrize(
    "text",
    [
        f"[core]\n    remote = a\n['remote \"a\"']\n    url = {URL}\n",
        f"[core]\nremote=a\n['remote \"a\"']\nurl={URL}\n",
        f"# ours\n[core]\nremote = \"a\"\n['remote \"a\"']\nurl = '{URL}'  # the bucket\n",
        f"['remote \"b\"']\nurl = s3://other/x\n['remote \"a\"']\nurl = {URL}\n[core]\nremote = a\n",
        f"[core]\r\nremote = a\r\n['remote \"a\"']\r\nurl = {URL}\r\n",
    ],
)
def test_a_configuration_is_read_as_people_write_it(text: str) -> None:
    assert parse(text) == RemoteUrl(URL)


def test_what_is_ignored_is_reported_on_one_line() -> None:
    keys = "".join(f"key{number} = x\n" for number in range(30))
    found = parse(f"[core]\nremote = a\n['remote \"a\"']\nurl = {URL}\nregion = x\n[cache]\n{keys}")
    assert found.url == URL
    assert found.notice.startswith(
        ".dvc/config: only core.remote and its url are used; ignored: remote a.region, cache.key0"
    )
    assert found.notice.endswith("…")
    assert "\n" not in found.notice
