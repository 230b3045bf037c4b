"""Reads the versions, has them verified, and writes the page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from lab.access import Access
from lab.lineage import versions
from lab.lineage.report.entries import Entry, Links, entry
from lab.lineage.report.page import Report, page
from lab.lineage.verify import verdicts_of


def make(
    access: Access, output: Path, branch: str, progress: Callable[[str], None], *, git_pages: bool, check: bool
) -> list[Entry]:
    """Write the page of this branch to `output`, whole or not at all; `check` verifies every version first.

    Raises:
        LabError: there is no such branch, or a service did not answer.
    """
    progress("reading the versions")
    known = versions.of_branch(access, branch)
    verdicts = {each.version.number: each for each in verdicts_of(access, known, known, progress)} if check else {}
    links = Links(access, git_pages)
    entries = [entry(each, verdicts.get(each.number), links) for each in known]
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(output.name + ".partial")
    partial.write_text(page(Report(entries, branch, access.repository_url, made)), "utf-8")
    partial.replace(output)
    return entries
