"""Builds the page. Names, subjects and ids come from commits that anyone may have made: everything is escaped, and the
page's content security policy allows no script but its own.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from lab.lineage.report import chart
from lab.lineage.report.entries import FAULT, SOUND, UNCHECKED, Entry

STATES = {SOUND: "verified", FAULT: "fault", UNCHECKED: "not checked"}
COLUMNS = ("Version", "Made (UTC)", "Rows", "Added", "MB", "State", "Made by", "Commit", "Object", "Code", "Seconds",
           "DVC", "Worker")  # fmt: skip


@dataclass(frozen=True)
class Report:
    """The content of the page; `made` is the time, in words."""

    entries: list[Entry]
    branch: str
    repository: str
    made: str


def text(value: object) -> str:
    """Any text as HTML: escaped, control characters made visible, and its writing direction isolated."""
    shown = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in {"Cc", "Cs"} else c for c in str(value))
    return f"<bdi>{escape(shown)}</bdi>" if not shown.isascii() else escape(shown)


def breakable(path: str) -> str:
    """A path that may wrap after `/` and `_`."""
    return "<wbr>".join(text(part) for part in re.split(r"(?<=[/_])", path))


def page(report: Report) -> str:
    here = Path(__file__).parent
    style, script = ((here / name).read_text("utf-8") for name in ("style.css", "script.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:"
    return "\n".join(
        [
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">',
            f"<title>Data lineage: {escape(report.branch)}</title><style>{style}</style></head><body>",
            *header(report),
            "<main>",
            *(
                timelines(report)
                if report.entries
                else ["<p>There is no data version yet: <code>make lab-run</code></p>"]
            ),
            "</main>",
            f"<footer>Made by <code>lab report</code>, {text(report.made)}, from {text(report.repository)}.</footer>",
            f"<script>{script}</script></body></html>",
        ]
    )


def header(report: Report) -> Iterator[str]:
    entries = report.entries
    yield f"<header><h1>Data lineage</h1><p class='of'>branch <strong>{text(report.branch)}</strong></p>"
    if entries:
        last = entries[-1]
        checked = [each for each in entries if each.state != UNCHECKED]
        faults = sum(each.state == FAULT for each in entries)
        state = f"{len(checked) - faults:,} of {len(entries):,}" if checked else "not checked"
        tiles = [
            ("versions", f"{len(entries):,}", ""),
            ("rows in the latest", chart.count(last.rows), ""),
            ("size of the latest", chart.megabytes(last.megabytes), ""),
            ("verified", state, FAULT if faults else SOUND if checked else UNCHECKED),
        ]
        yield "<dl>"
        for name, value, kind in tiles:
            yield f"<div class='tile {kind}'><dt>{name}</dt><dd>{value}</dd></div>"
        yield "</dl>"
    yield "</header>"


def timelines(report: Report) -> Iterator[str]:
    datasets = dict.fromkeys(each.version.path for each in report.entries)
    for path in datasets:
        own = [each for each in report.entries if each.version.path == path]
        yield f"<section><h2>{breakable(path)}</h2>"
        yield from (chart.Chart(own, layout).svg() for layout in (chart.WIDE, chart.NARROW))
        yield "</section>"
    yield from legend()
    yield "<section><h2>Every version</h2>"
    yield from table(report.entries, several=len(datasets) > 1)
    yield "</section>"


def legend() -> Iterator[str]:
    meanings = {
        SOUND: "verified: object, md5, rows, receipt and run are what the commit says",
        FAULT: "fault: at least one of them is not",
        UNCHECKED: "not checked",
    }
    yield '<ul class="legend" aria-label="Legend">'
    yield '<li><i class="key rows"></i>rows</li><li><i class="key size"></i>size</li>'
    for state, words in meanings.items():
        yield f'<li><i class="key {state}">{chart.MARKS[state]}</i>{words}</li>'
    yield "<li>The axes show what changes and need not begin at zero.</li></ul>"


def table(entries: list[Entry], *, several: bool) -> Iterator[str]:
    columns = [*COLUMNS, *(["Dataset"] if several else [])]
    yield '<div class="scroll" role="region" aria-label="Every version" tabindex="0"><table><thead><tr>'
    for name in columns:
        order = ' aria-sort="descending"' if name == "Version" else ""
        yield f'<th scope="col"{order}><button type="button">{name}</button></th>'
    yield "</tr></thead><tbody>"
    for each in reversed(entries):
        yield f'<tr id="v{each.version.number}" class="{each.state}">'
        cells = [*fields(each), *([(each.version.path, text(each.version.path))] if several else [])]
        for name, (value, shown) in zip(columns, cells, strict=True):
            yield f'<td data-name="{name}" data-value="{escape(str(value))}">{shown}</td>'
        yield "</tr>"
    yield "</tbody></table></div>"


def fields(each: Entry) -> Iterator[tuple[object, str]]:
    """For each column the value to sort by, and what is shown."""
    version = each.version
    yield version.number, f"<strong>{version.number}</strong>"
    yield version.time, text(version.time[:16].replace("T", " "))
    yield number(each.rows), "" if each.rows is None else f"{each.rows:,}"
    yield number(version.rows_added), "" if version.rows_added is None else f"+{version.rows_added:,}"
    yield number(version.size), "" if each.megabytes is None else f"{each.megabytes:,.2f}"
    problems = "".join(f"<li>{text(problem)}</li>" for problem in each.problems)
    mark = f"<span class='state {each.state}'>{chart.MARKS[each.state]} {STATES[each.state]}</span>"
    yield STATES[each.state], mark + (f"<ul>{problems}</ul>" if problems else "")
    yield each.made_by, link(each.run_link, each.made_by, short(each.made_by))
    yield version.commit, link(each.commit_link, version.commit, version.commit[:10])
    yield each.object_name, link("", each.object_name, (version.md5 or "")[:10])
    code = version.code_version
    yield code, link(each.code_link, code, code[:10])
    yield number(each.seconds), "" if each.seconds is None else f"{each.seconds:.1f}"
    yield version.dvc_version or "", text(version.dvc_version or "")
    worker = version.worker or ""
    yield worker, link("", worker, worker.replace("@", " ").rpartition(" ")[2].removeprefix("sha256:")[:10])


def short(name: str) -> str:
    """A run's id to the second: `manual__2026-11-21T12:00:00…`."""
    return name if len(name) <= 32 else f"{name[:27]}…"


def number(value: float | None) -> object:
    return "" if value is None else value


def link(address: str, whole: str, shown: str) -> str:
    """A link, or, where there is no page, the whole text to copy; both show the whole text on hover."""
    if not whole:
        return ""
    if address:
        return f'<a href="{escape(address)}" title="{escape(whole)}" rel="noreferrer">{text(shown)}</a>'
    if shown == whole:
        return f"<span>{text(shown)}</span>"
    return f'<code class="copy" tabindex="0" title="{escape(whole)}" data-whole="{escape(whole)}">{text(shown)}</code>'
