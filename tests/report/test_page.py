"""The page: it holds what it must, and nothing that reaches outside or runs."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from screenkit.errors import Outcome
from screenkit.ranking.ranking import RankSettings, rank
from screenkit.report import svg
from screenkit.report.page import Study, page, write_page
from screenkit.report.words import duration, figure, flags, number
from tests.stores import bad, make_store, ok

EVIL = '"><script>alert(1)</script><img src=x onerror=y>&amp;'


class Reader(HTMLParser):
    """Collects tags, and checks that each is closed in turn."""

    VOID = ("meta", "br", "wbr")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture
def study(tmp_path: Path) -> Study:
    rows = [ok(f"m{i}", float(i), -1.0, n_atoms=i) for i in range(40)]
    rows += [ok(EVIL, 99.0, math.nan, warnings="symmetry_missing")]
    rows += [bad("b", "overlap", EVIL, Outcome.FILTERED), bad(EVIL + "2", "no_cell", EVIL)]
    store = make_store(tmp_path, rows, shard_size=50)
    ranking = rank(store, RankSettings())
    return Study(
        title=EVIL,
        ranking=ranking,
        shortlist=ranking.top("30"),
        counts=store.outcomes,
        codes=store.codes,
        seconds=12.0,
        structures_per_second=math.nan,
        recipe=f"model: {EVIL}",
        provenance={"command": EVIL, EVIL: "x"},
        remarks=[EVIL],
    )


def test_no_text_from_a_file_becomes_markup(study: Study):
    reader = read(page(study))
    assert "script" not in reader.tags
    assert "img" not in reader.tags
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert reader.text.count(EVIL) >= 5


def test_the_page_asks_nothing_of_the_network(study: Study):
    html = page(study)
    assert not {"link", "script", "iframe", "object", "img", "base", "form"} & set(read(html).tags)
    assert not re.search(r"url\(|@import|https?:", html)


def test_the_page_shows_the_best_25_and_says_where_the_others_are(study: Study):
    reader = read(page(study))
    assert reader.tags.count("tr") == 1 + 25 + 2 + 2  # head, best, reasons, provenance
    assert "The best 25 of 30" in reader.text
    assert "m39" in reader.text
    assert "m15 " not in reader.text
    assert "shortlist.csv" in reader.text


def test_the_page_accounts_for_every_structure(study: Study):
    text = read(page(study)).text
    for part in ("41 ok", "1 filtered", "1 failed", "overlap", "no_cell"):
        assert part in text


def test_a_study_without_a_good_structure_has_a_page_too(tmp_path: Path):
    store = make_store(tmp_path, [bad("b", "overlap")])
    ranking = rank(store, RankSettings())
    study = Study("t", ranking, ranking, store.outcomes, store.codes, 1.0, 1.0, "")
    assert "Nothing could be ranked" in read(page(study)).text


def test_the_page_is_one_file(study: Study, tmp_path: Path):
    write_page(study, tmp_path / "out.html")
    assert (tmp_path / "out.html").read_text(encoding="utf-8") == page(study)


def test_the_bars_of_the_histogram_hold_every_structure():
    values = np.random.default_rng(0).normal(size=500)
    drawn = svg.histogram(values, values[:20], "x")
    counts = [int(n) for n in re.findall(r": (\d+) structures", drawn)]
    chosen = [int(n) for n in re.findall(r", (\d+) on the shortlist", drawn)]
    assert sum(counts) == 500
    assert sum(chosen) == 20


@pytest.mark.parametrize("count", [100, 2000])
def test_a_value_gone_astray_does_not_hide_the_others_and_is_counted(count: int):
    values = np.append(np.random.default_rng(0).normal(size=count), [-1200.0, 900.0])
    drawn = svg.histogram(values, values[-1:], "x")
    counts = [int(n) for n in re.findall(r": (\d+) structures", drawn)]
    assert sum(counts) == count + 2
    assert max(counts) < 0.5 * count
    assert "−1200 to " in drawn and " to 900: " in drawn
    assert "beyond the axis, counted in the outermost bars: 2" in drawn


@pytest.mark.parametrize("values", [[1.0], [0.0, 0.0], [-1e-9, 1e9], [5.0] * 100, [-414.54667455]])
def test_a_histogram_can_be_drawn_of_few_and_of_equal_values(values: list[float]):
    drawn = svg.histogram(np.array(values), np.array([]), "x")
    assert "nan" not in drawn
    assert "inf" not in drawn
    read(drawn)


@pytest.mark.parametrize(("low", "high"), [(0, 10), (-3, 7), (0, 1e-6), (1e5, 3e5), (0.1, 0.9)])
def test_ticks_are_round_lie_inside_and_are_neither_few_nor_many(low: float, high: float):
    found = svg.ticks(low, high)
    assert 3 <= len(found) <= 12
    assert all(low - 1e-9 * high <= tick <= high * (1 + 1e-9) for tick in found)
    steps = np.diff(found)
    assert np.allclose(steps, steps[0])
    assert f"{steps[0]:.0e}"[0] in "125"


def test_figures_are_written_for_people():
    assert figure(math.nan) == "–"
    assert figure(-1.5) == "\u22121.500"
    assert figure(1234.0) == "1234"
    assert number(1_234_567) == "1\u202f234\u202f567"
    assert [duration(s) for s in (1.23, 48, 700, 12_000)] == [
        "1.2 s",
        "48 s",
        "12 min",
        "3 h 20 min",
    ]


def test_flags_name_warnings_and_ambiguous_frames():
    row = {"warnings": "a b", "frame_ambiguous_fraction": 0.4}
    assert flags(row) == "a, b, 40% ambiguous frames"
    assert flags({"warnings": "", "frame_ambiguous_fraction": math.nan}) == ""
