"""The page in a real browser: no complaint, nothing asked for, tables that sort, all screens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from screenkit.report.page import Page
from screenkit.report.screening_page import screening_page
from screenkit.report.shortlist_table import Column, Portrait, ShortlistTable
from tests.report.browser import CHROMIUM, Browser
from tests.report.test_page import EVIL, row, told

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

NAMES = (EVIL, "x" * 300, "מבנה", "x_" * 150, *(f"m{i:02}" for i in range(40)))
SCREENS = ((390, 844), (1440, 900))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("chromium")) as window:
        yield window


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    rows = [
        row(i, name, uptake=value, uptake_low=value - 1, uptake_high=value + 2, ood=i % 2,
            ood_distance=0.1 * i, warnings="symmetry_missing a_warning_of_great_length " * (i % 2))
        for i, (name, value) in enumerate(zip(NAMES, rng.normal(size=len(NAMES)), strict=True), 1)
    ]  # fmt: skip
    looks = {
        name: Portrait("C4 Zn", ("C", "Zn"), '<path class="cell" d="M0 0h9"/>') for name in NAMES
    }
    table = ShortlistTable(rows, [Column("uptake", "uptake (mol/kg)")], looks)
    made: Page = screening_page(told(shortlist=table, listed=len(rows)))
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(made.html, encoding="utf-8")
    return path


def column(browser: Browser, place: int) -> list[str]:
    """Return the texts of a column of the shortlist, as far as it is shown."""
    return browser.run(
        "[...document.querySelectorAll('.sortable tbody tr')].filter(row => !row.hidden)"
        f".map(row => row.cells[{place}].textContent)"
    )


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("screen", SCREENS)
def test_it_opens_without_a_complaint_and_fits_the_screen(
    browser: Browser, page: Path, screen: tuple[int, int], dark: bool
):
    browser.complaints.clear()
    browser.requests.clear()
    browser.open(page, *screen, dark)
    assert browser.complaints == []
    assert browser.requests == [page.resolve().as_uri()]
    width = browser.run("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
    assert width == screen[0]
    assert browser.run("document.documentElement.classList.contains('ready')")
    colour = browser.run("getComputedStyle(document.body).backgroundColor")
    assert (colour == "rgb(255, 255, 255)") is not dark
    assert len(browser.picture()) > 10_000


def test_hostile_names_are_texts(browser: Browser, page: Path):
    browser.open(page, 1440, 900)
    assert browser.run("document.querySelectorAll('img, script').length") == 1  # our own script
    assert EVIL in browser.run("document.body.textContent")


def test_a_click_on_a_head_sorts_and_another_turns_it_round(browser: Browser, page: Path):
    browser.open(page, 1440, 900)
    browser.run("document.querySelector('button.more').click()")
    values = "[...document.querySelectorAll('.sortable tbody tr')].map(r => +r.cells[3].dataset.v)"
    click = "document.querySelectorAll('.sortable th button')[2].click()"
    browser.run(click)
    largest = browser.run(values)
    assert len(largest) == len(NAMES)
    assert largest == sorted(largest, reverse=True)
    browser.run(click)
    assert browser.run(values) == sorted(largest)
    assert browser.run("document.querySelectorAll('th[aria-sort=ascending]').length") == 1


def test_the_table_shows_twenty_until_it_is_asked_for_all(browser: Browser, page: Path):
    browser.open(page, 390, 844)
    assert len(column(browser, 1)) == 20
    browser.run("document.querySelector('button.more').click()")
    assert len(column(browser, 1)) == len(NAMES)


def test_words_filter_by_name_and_by_element(browser: Browser, page: Path):
    browser.open(page, 1440, 900)

    def type_in(words: str) -> list[str]:
        browser.run(
            "(() => {const box = document.querySelector('input[type=search]');"
            f"box.value = '{words}';"
            "box.dispatchEvent(new Event('input'));})()"
        )
        return column(browser, 2)

    assert [text[:3] for text in type_in("m07 zn")] == ["m07"]
    assert type_in("m07 cu") == []
    assert len(type_in("")) == 20


def test_a_small_drawing_opens_large_and_closes(browser: Browser, page: Path):
    browser.open(page, 1440, 900)
    browser.run(
        "document.querySelector('svg.mini').dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    assert browser.run("document.querySelector('dialog').open")
    assert EVIL[:20] in browser.run("document.querySelector('dialog').textContent")
    browser.run("document.querySelector('dialog').click()")
    assert not browser.run("document.querySelector('dialog').open")


def test_no_other_script_may_run(browser: Browser, page: Path):
    browser.open(page, 1440, 900)
    browser.complaints.clear()
    browser.run(
        "(() => {const one = document.createElement('script'); one.textContent = 'window.bad = 1';"
        "document.body.append(one);})()"
    )
    assert browser.run("window.bad") is None
    assert browser.complaints


def test_without_its_script_all_rows_are_there(browser: Browser, page: Path, tmp_path: Path):
    html = page.read_text(encoding="utf-8")
    start, stop = html.index("<script>"), html.index("</script></body>")
    bare = tmp_path / "bare.html"
    bare.write_text(html[:start] + html[stop + len("</script>") :], encoding="utf-8")
    browser.open(bare, 390, 844)
    assert len(column(browser, 1)) == len(NAMES)
