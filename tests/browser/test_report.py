"""The lineage report in a real browser: from a file, offline, with hostile text in it."""

from __future__ import annotations

import pytest
from playwright.sync_api import ViewportSize

from lab.lineage.report.entries import Entry, entry
from lab.lineage.verify import Verdict
from tests.browser.conftest import Opened, Opener
from tests.browser.versions import AIRFLOW, GIT, entries, links, version

HOSTILE = '<script>document.title="hit"</script><img src=x onerror="document.title=\'hit\'">"\'&lt;\u202e\x00'
PHONE: ViewportSize = {"width": 360, "height": 740}


def quiet(shown: Opened) -> None:
    """Nothing was said in the console, and nothing asked for but the file itself."""
    assert shown.messages == []
    assert [url.rpartition("/")[2].partition("#")[0] for url in shown.requests if not url.startswith("data:")] == [
        "lineage.html"
    ]


@pytest.mark.parametrize("count", [1, 3, 60, 1000])
def test_every_version_is_in_the_picture_and_in_the_table(opened: Opener, count: int) -> None:
    shown = opened(entries(count, {2: ["the object is missing"]}))
    assert shown.column("Version") == [str(number) for number in range(count, 0, -1)]
    assert shown.page.locator("svg.wide .cell").count() == count
    assert shown.page.locator("svg.wide .cell.fault").count() == min(count - 1, 1)
    assert shown.page.locator("svg.wide polyline.rows").count() == 1
    assert shown.page.locator("svg.wide .cell.fault").evaluate_all("all => all.every(c => c.getBBox().width >= 2)")
    quiet(shown)


def test_the_picture_shows_rows_and_size_of_each_version_and_links_to_its_row(opened: Opener) -> None:
    shown = opened(entries(12))
    dots = shown.page.locator("svg.wide a.dot.rows")
    assert dots.count() == shown.page.locator("svg.wide a.dot.size").count() == 12
    heights = [box["y"] for dot in dots.all() if (box := dot.bounding_box())]
    assert heights == sorted(heights, reverse=True)
    dots.nth(4).click()
    assert shown.page.locator("tr:target").get_attribute("id") == "v5"
    assert "75,160 rows" in (dots.nth(4).get_attribute("aria-label") or "")
    quiet(shown)


def test_a_press_on_a_heading_sorts_by_it_and_another_turns_it_round(opened: Opener) -> None:
    shown = opened(entries(12))
    for name in ("Version", "Rows", "Seconds", "Added"):
        heading = shown.page.locator("th", has_text=name).first
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == "ascending"
        up = [float(text.replace(",", "")) for text in shown.column(name) if text]
        assert up == sorted(up)
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == "descending"
        assert [float(text.replace(",", "")) for text in shown.column(name) if text] == sorted(up, reverse=True)
    assert shown.column("Added")[-1] != ""
    assert shown.page.locator("th[aria-sort]").count() == 1
    quiet(shown)


def test_versions_of_which_something_is_not_known_stay_last_in_either_order(opened: Opener) -> None:
    by_hand = version(4, rows=None, rows_added=None, run_id=None, dag_id=None, task_seconds=None, author="Ada")
    shown = opened([*entries(3), entry(by_hand, None, links())])
    button = shown.page.locator("th", has_text="Rows").locator("button")
    for _ in range(2):
        button.click()
        assert shown.column("Version")[-1] == "4"
    assert "Ada, by hand" in shown.column("Made by")
    assert "not checked" in shown.column("State")[-1]


def test_each_version_links_to_its_commit_run_and_code(opened: Opener) -> None:
    found = entries(3)
    shown = opened(found)
    row = shown.page.locator("tr#v2")
    addresses = [link.get_attribute("href") for link in row.locator("a").all()]
    second = found[1].version
    assert addresses == [
        f"{AIRFLOW}/dags/dataset_pipeline/runs/manual__2026-11-01T08%3A00%3A00%2B00%3A00_2",
        f"{GIT}/lab/mlops/commit/{second.commit}",
        f"{GIT}/lab/mlops/commit/{second.dag_version}",
    ]


def test_where_git_has_no_pages_a_hash_is_shown_whole_and_selected_when_pressed(opened: Opener) -> None:
    found = entries(2, git_pages=False)
    shown = opened(found)
    code = shown.page.locator("tr#v2 td[data-name=Commit] code")
    assert code.inner_text() == found[1].version.commit[:10]
    code.click()
    assert shown.page.evaluate("String(getSelection())") == found[1].version.commit
    quiet(shown)


def hostile() -> list[Entry]:
    bad = version(
        1, author=HOSTILE, subject=HOSTILE, path=HOSTILE, run_id=HOSTILE, dag_id=HOSTILE, dag_version=HOSTILE,
        worker=HOSTILE, dvc_version=HOSTILE, time=HOSTILE,
    )  # fmt: skip
    by_hand = version(2, author=HOSTILE, path=HOSTILE, run_id=None, seed=None)
    return [entry(each, Verdict(each, [HOSTILE], 5), links()) for each in (bad, by_hand)]


def test_text_from_commits_is_text_and_nothing_else(opened: Opener) -> None:
    shown = opened(hostile())
    assert shown.page.title() == "Data lineage: main"
    assert shown.page.locator("img").count() == 0
    assert shown.page.locator("script").count() == 1
    assert '<script>document.title="hit"</script>' in shown.column("State")[0]
    assert "&lt;" in shown.column("State")[0]
    assert shown.column("Made by")[0].startswith("<script>document")
    quiet(shown)


def test_a_script_that_got_in_nevertheless_would_not_run(opened: Opener) -> None:
    shown = opened(entries(1))
    shown.page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'document.title = \"hit\"'; "
        "document.body.append(s); }"
    )
    assert shown.page.title() != "hit"
    assert any("Content Security Policy" in line for line in shown.messages)


@pytest.mark.parametrize("count", [3, 1000])
def test_a_telephone_shows_all_of_it_without_scrolling_sideways(opened: Opener, count: int) -> None:
    shown = opened(entries(count, {2: ["the object files/md5/00/000000000000000000000000000002 is missing"]}), PHONE)
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert shown.page.locator("svg.narrow").is_visible()
    assert not shown.page.locator("svg.wide").is_visible()
    assert shown.page.locator("tr#v2 td[data-name=Commit]").is_visible()
    labels = shown.page.locator("svg.narrow text")
    sizes = labels.evaluate_all("all => all.map(t => t.getBoundingClientRect().height)")
    assert min(sizes) >= 11


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_written_stands_out_from_its_ground(opened: Opener, scheme: str) -> None:
    """A contrast of 4.5 to 1 at least, WCAG 2.2's level AA for text."""
    shown = opened(entries(3, {2: ["missing"]}), scheme=scheme)
    shades = shown.page.evaluate(
        "() => { const s = getComputedStyle(document.documentElement); return Object.fromEntries("
        "['ground','raised','ink','soft','sound','fault','unchecked','link','rows','size']"
        ".map(n => [n, s.getPropertyValue('--' + n).trim()])); }"
    )
    for name in ("ink", "soft", "sound", "fault", "unchecked", "link", "rows", "size"):
        for ground in ("ground", "raised"):
            assert contrast(shades[name], shades[ground]) >= 4.5, (name, ground)
    # On a cell, the mark is as the ground is.
    for name in ("sound", "fault"):
        assert contrast(shades["raised"], shades[name]) >= 4.5, name


def contrast(one: str, other: str) -> float:
    """Of two colours `#rrggbb`, by WCAG 2.2's relative luminance."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    digits = colour.lstrip("#") * (2 if len(colour) == 4 else 1)
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_on_paper_it_is_light_and_whole(opened: Opener) -> None:
    shown = opened(entries(12), scheme="dark")
    shown.page.emulate_media(media="print")
    ground = shown.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    assert shown.page.locator("svg.wide").is_visible()
    assert len(shown.page.pdf(prefer_css_page_size=True)) > 10_000


def test_several_datasets_have_a_picture_each(opened: Opener) -> None:
    other = [entry(version(number, path="other.csv"), None, links()) for number in (4, 5)]
    shown = opened([*entries(3), *other])
    assert shown.page.locator("svg.wide").count() == 2
    assert shown.column("Dataset") == ["other.csv"] * 2 + ["datasets/employee_attrition.csv"] * 3


def test_what_cannot_be_read_of_a_version_leaves_a_gap_and_no_error(opened: Opener) -> None:
    broken = version(2, md5=None, size=None, rows=None, fault="d.csv.dvc is not a DVC pointer to one file")
    found = entries(3)
    found[1] = entry(broken, Verdict(broken, [broken.fault]), links())
    shown = opened(found)
    assert shown.page.locator("svg.wide a.dot.size").count() == 2
    assert "not a DVC pointer" in shown.column("State")[1]
    quiet(shown)


def test_a_branch_without_a_version_says_so(opened: Opener) -> None:
    shown = opened([])
    assert "no data version yet" in shown.page.inner_text("main")
    quiet(shown)
