"""The pages: they hold what they must, and nothing that reaches outside or runs unasked."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from screenkit.report.against import Quantity
from screenkit.report.figures import Figure
from screenkit.report.funnel import Step, funnel
from screenkit.report.held_out import HeldOut
from screenkit.report.page import About, file_stem
from screenkit.report.screening_page import Predicted, ScreeningPage, screening_page
from screenkit.report.shortlist_table import Column, Portrait, ShortlistTable, shortlist_table
from screenkit.report.words import duration, figure, flags, number, unit_text

EVIL = '"><script>alert(1)</script><img src=x onerror=y>&amp;'


class Reader(HTMLParser):
    """Collects tags, and checks that each is closed in turn."""

    VOID = ("meta", "br", "wbr", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.scripts: list[str] = []

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
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        else:
            self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def row(rank: int, name: str, **more: Any) -> dict[str, Any]:
    facts = {"rank": rank, "name": name, "uptake": 9.0 - rank, "n_atoms": 10, "warnings": ""}
    facts |= {"density_g_cm3": 1.0, "frame_ambiguous_fraction": 0.0}
    return facts | more


def told(**changed: Any) -> ScreeningPage:
    """Return what a page tells, with a hostile text wherever a file may have put one."""
    values = np.linspace(5, 0, 40)
    rows = [row(i, f"m{i}") for i in range(1, 5)] + [row(5, EVIL, warnings=EVIL)]
    portraits = {EVIL: Portrait(EVIL, ("C", "Zn")), "m1": Portrait("C H4", ("C", "H"), "<g/>")}
    facts: dict[str, Any] = {
        "about": About(
            EVIL, f"model: {EVIL}", {"command": EVIL, EVIL: "x"}, [EVIL], {EVIL: EVIL}, 12.0
        ),
        "lead": EVIL,
        "steps": [Step("in the library", 50), Step(EVIL, 40, EVIL), Step("on the shortlist", 5)],
        "codes": {"overlap": 8, EVIL: 2},
        "targets": [Predicted("uptake", f"uptake ({EVIL})", lambda: values)],
        "chosen": np.arange(5),
        "geometry": [Quantity(EVIL, EVIL, np.linspace(0, 1, 40))],
        "shortlist": ShortlistTable(rows, [Column("uptake", EVIL)], portraits),
        "listed": 5,
        "held": [HeldOut(EVIL, EVIL, values, values + 0.1, values - 1, values + 1, 0.9)],
        "doubts": [EVIL],
    }
    return ScreeningPage(**(facts | changed))


def test_no_text_from_a_file_becomes_markup():
    page = screening_page(told())
    reader = read(page.html)
    assert reader.tags.count("script") == len(reader.scripts) == 1
    assert "alert" not in reader.scripts[0]
    assert "img" not in reader.tags
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert reader.text.count(EVIL) >= 12
    assert {figure.name for figure in page.figures} >= {"funnel", "score", "elements"}
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", figure.name) for figure in page.figures)


def test_the_page_runs_its_own_script_alone_and_asks_nothing_of_the_network():
    reader = read(screening_page(told()).html)
    assert not {"link", "iframe", "object", "base", "form"} & set(reader.tags)
    policy = dict(reader.attributes)["content"] or ""
    digest = base64.b64encode(hashlib.sha256(reader.scripts[0].encode()).digest()).decode()
    wanted = f"script-src 'sha256-{digest}'"
    policies = [value for name, value in reader.attributes if name == "content" and value]
    assert any("default-src 'none'" in p and wanted in p for p in policies), policy
    assert not any("connect-src" in p or "unsafe-eval" in p for p in policies)
    assert not re.search(r"url\(|@import|https?:|fetch\(|XMLHttp|eval\(", str(reader.scripts))
    links = [value for name, value in reader.attributes if name in ("href", "src")]
    assert all(re.match(r"#s\d+$|figures/[\w.-]+\.(png|csv)$", link or "") for link in links)


def test_the_page_says_how_many_are_left_after_each_step_and_why():
    text = read(screening_page(told()).html).text
    for part in ("50", "40", "in the library", "on the shortlist", "overlap", "8"):
        assert part in text


def test_a_study_without_a_good_structure_has_a_page_too():
    empty = Predicted("uptake", "uptake", lambda: np.empty(0))
    page = screening_page(
        told(
            targets=[empty],
            chosen=np.empty(0, int),
            geometry=[Quantity("density", "density", np.empty(0))],
            shortlist=ShortlistTable([], [Column("uptake", "uptake")], {}),
            listed=0,
            held=[],
            steps=[Step("in the library", 3), Step("on the shortlist", 0)],
        )
    )
    text = read(page.html).text
    assert "Nothing could be ranked" in text
    assert "The shortlist is empty" in text
    assert [figure.name for figure in page.figures] == ["funnel"]


def test_a_row_carries_its_numbers_for_sorting_and_its_elements_for_filtering():
    rows = [row(1, "a", uptake=1 / 3), row(2, "b", uptake=math.nan)]
    table = ShortlistTable(
        rows, [Column("uptake", "uptake")], {"a": Portrait("C Zn", ("C", "Zn"))}
    )  # fmt: skip
    html = shortlist_table(table)
    assert 'data-v="0.333333333"' in html
    assert 'data-v=""' in html  # sorted to the end
    assert 'data-words="C Zn"' in html


def test_intervals_are_bars_on_one_scale_and_odd_structures_carry_a_mark():
    rows = [
        row(1, "a", uptake=4.0, uptake_low=2.0, uptake_high=6.0, ood=0.0, ood_distance=0.4),
        row(2, "b", uptake=3.0, uptake_low=0.0, uptake_high=10.0, ood=1.0, ood_distance=1.7),
    ]
    html = shortlist_table(ShortlistTable(rows, [Column("uptake", "uptake")], {}))
    assert 'style="left:20.0%;width:40.0%"' in html
    assert 'style="left:0.0%;width:100.0%"' in html
    assert html.count("badge") == 1
    assert html.index("badge") > html.index("<bdi>b</bdi>")


def test_a_funnel_draws_each_step_as_wide_as_what_is_left():
    html = funnel([Step("all", 200), Step("half", 100), Step("none", 0)]).html
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", html)]
    assert widths[1] == pytest.approx(widths[0] / 2)
    assert widths[2] == 0
    assert "0.00% of all structures" in html


def test_a_picture_and_the_numbers_of_each_figure_lie_beside_the_page(tmp_path: Path):
    page = screening_page(told())
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "of-an-older-page.png").write_bytes(b"")
    page.write(tmp_path)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page.html
    names = {figure.name for figure in page.figures}
    for ending, first in ((".png", b"\x89PNG\r\n"), (".csv", b"")):
        found = {p.stem for p in (tmp_path / "figures").iterdir() if p.suffix == ending}
        assert found == names
        for name in names:
            assert (tmp_path / "figures" / f"{name}{ending}").read_bytes().startswith(first)
    lines = (tmp_path / "figures" / "score.csv").read_text().splitlines()
    assert lines[0] == "from,to,structures,shortlist"
    assert sum(int(line.split(",")[2]) for line in lines[1:]) == 40
    assert sum(int(line.split(",")[3]) for line in lines[1:]) == 5


def test_equal_pages_are_equal_bytes():
    one, other = screening_page(told()), screening_page(told())
    assert one.html == other.html
    chosen = [next(f for f in page.figures if f.name == "score") for page in (one, other)]
    first, second = (figure.png() for figure in chosen)
    assert first == second


def test_a_figure_says_what_is_seen_and_where_its_files_are():
    chart = funnel([Step("all", 2)])
    assert isinstance(chart, Figure)
    assert "figcaption" in chart.html and 'href="figures/funnel.csv"' in chart.html


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a b/c", "a-b-c"), ("../x", "x"), ("☃", "x"), ("co2_0.15bar", "co2_0.15bar")],
)
def test_a_name_becomes_a_part_of_a_file_name(name: str, stem: str):
    assert file_stem(name) == stem


def test_figures_are_written_for_people():
    assert figure(math.nan) == "–"
    assert figure(-1.5) == "\u22121.500"
    assert figure(1234.0) == "1234"
    assert number(1_234_567) == "1\u202f234\u202f567"
    assert unit_text("m2/cm3") == "m²/cm³"
    assert unit_text("log10(mol/(kg Pa))") == "log10(mol/(kg Pa))"
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
