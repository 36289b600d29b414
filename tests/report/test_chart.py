"""Charts: every structure is counted once, and the numbers are those that were given."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from scipy.stats import binomtest

from screenkit.report import svg
from screenkit.report.against import Quantity, against, hexagons_of
from screenkit.report.chart import Axis, Bars, Chart, Line, Points, csv_of, short, span, ticks
from screenkit.report.chart_png import draw_png
from screenkit.report.held_out import HeldOut, charts_of, wilson
from screenkit.report.spread import histogram


def test_the_bars_of_the_histogram_hold_every_structure():
    values = np.random.default_rng(0).normal(size=500)
    chart = histogram("x", "x", "x", values, values[:20])
    assert chart is not None
    assert chart.table["structures"].sum() == 500
    assert chart.table["shortlist"].sum() == 20


@pytest.mark.parametrize("count", [100, 2000])
def test_a_value_gone_astray_does_not_hide_the_others_and_is_counted(count: int):
    values = np.append(np.random.default_rng(0).normal(size=count), [-1200.0, 900.0])
    chart = histogram("x", "x", "x", values, values[-1:])
    assert chart is not None
    counts = chart.table["structures"]
    assert counts.sum() == count + 2
    assert counts.max() < 0.5 * count
    assert chart.table["from"][0] == -1200 and chart.table["to"][-1] == 900
    assert "counted in the outermost bars: 2" in chart.caption


@pytest.mark.parametrize("values", [[1.0], [0.0, 0.0], [-1e-9, 1e9], [5.0] * 100, [-414.54667455]])
def test_a_histogram_can_be_drawn_of_few_and_of_equal_values(values: list[float]):
    chart = histogram("x", "x", "x", np.array(values), np.array([]))
    assert chart is not None
    drawn = svg.draw(chart)
    assert "nan" not in drawn and "inf" not in drawn
    HTMLParser().feed(drawn)
    assert draw_png(chart).startswith(b"\x89PNG")


def test_of_nothing_there_is_no_histogram():
    assert histogram("x", "x", "x", np.empty(0)) is None


@pytest.mark.parametrize(("low", "high"), [(0, 10), (-3, 7), (0, 1e-6), (1e5, 3e5), (0.1, 0.9)])
def test_ticks_are_round_lie_inside_and_are_neither_few_nor_many(low: float, high: float):
    found = ticks(low, high)
    assert 3 <= len(found) <= 12
    assert all(low - 1e-9 * high <= tick <= high * (1 + 1e-9) for tick in found)
    steps = np.diff(found)
    assert np.allclose(steps, steps[0])
    assert f"{steps[0]:.0e}"[0] in "125"


def test_ticks_that_differ_late_show_their_digits():
    found = ticks(1000.001, 1000.006)
    assert len({short(tick, found) for tick in found}) == len(found)
    assert short(15_000.0) == "15\u202f000"
    assert short(-0.5) == "\u22120.5"


def test_every_point_is_counted_in_the_hexagon_whose_middle_is_nearest():
    rng = np.random.default_rng(1)
    points = rng.uniform(size=(400, 2)) * (4.0, 30.0)
    found = hexagons_of(points[:, 0], points[:, 1], (0.0, 4.0), (0.0, 30.0))
    assert found.counts.sum() == 400
    # The honeycomb by brute force, in units where hexagons are regular.
    tall = found.height * 1.5
    i, j = np.meshgrid(np.arange(-2, 60), np.arange(-2, 60))
    middles = np.concatenate(
        [
            np.stack([i.ravel() * found.width, j.ravel() * tall], axis=1),
            np.stack([(i.ravel() + 0.5) * found.width, (j.ravel() + 0.5) * tall], axis=1),
        ]
    )
    scale = np.array([1 / found.width, np.sqrt(3) / tall])
    distance = np.linalg.norm((points[:, None] - middles) * scale, axis=2)
    places, counts = np.unique(middles[distance.argmin(axis=1)], axis=0, return_counts=True)
    mine = sorted(zip(found.x.round(9), found.y.round(9), found.counts, strict=True))
    theirs = sorted(zip(places[:, 0].round(9), places[:, 1].round(9), counts, strict=True))
    assert mine == theirs


def test_many_structures_are_hexagons_and_few_are_dots():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 5000))
    many = against("n", "t", Quantity("x", "x", x), Quantity("y", "y", y), np.arange(10))
    few = against("n", "t", Quantity("x", "x", x[:50]), Quantity("y", "y", y[:50]))
    assert many is not None and few is not None
    beyond = re.search(r"Outside the frame: (\d+)", many.caption)
    outside = int(beyond[1]) if beyond else 0
    assert many.table["structures"].sum() + outside == 5000
    assert few.table["structures"].tolist() == [1] * len(few.table["x"])
    assert "5000 structures" in many.caption


def test_what_has_no_number_is_left_out_and_counted():
    x = np.array([1.0, np.nan, 3.0, 4.0])
    y = np.array([1.0, 2.0, np.nan, 3.0])
    chart = against("n", "t", Quantity("x", "x", x), Quantity("y", "y", y), np.arange(4))
    assert chart is not None
    assert chart.caption.startswith("2 structures")
    assert against("n", "t", Quantity("x", "x", x * np.nan), Quantity("y", "y", y)) is None


def test_a_drawing_of_three_hundred_thousand_is_small():
    x, y = np.random.default_rng(3).normal(size=(2, 300_000))
    chart = against("n", "t", Quantity("x", "x", x), Quantity("y", "y", y), np.arange(100))
    assert chart is not None
    assert len(svg.draw(chart)) < 100_000


def test_wilsons_interval_is_that_of_scipy():
    for k, n in ((0, 5), (3, 10), (45, 50), (50, 50)):
        low, high = wilson(np.array([k / n]), np.array([n]))
        wanted = binomtest(k, n).proportion_ci(method="wilson")
        assert (low[0], high[0]) == pytest.approx((wanted.low, wanted.high), abs=1e-3)


def test_coverage_is_counted_in_tenths_of_the_predictions():
    rng = np.random.default_rng(4)
    predicted = rng.uniform(size=1000)
    label = predicted + rng.normal(size=1000)
    held = HeldOut("t", "", predicted, label, predicted - 1.0, predicted + 1.0, 0.68)
    coverage = next(c for c in charts_of(held, "t") if c.name == "t-coverage")
    assert coverage.table["structures"].tolist() == [100] * 10
    inside = np.abs(label - predicted) <= 1.0
    assert np.mean(coverage.table["share_within"]) == pytest.approx(inside.mean())


def test_a_class_is_shown_by_who_is_found_and_how_often_a_probability_is_right():
    rng = np.random.default_rng(5)
    probability = rng.uniform(size=2000)
    label = (rng.uniform(size=2000) < probability).astype(float)
    names = [c.name for c in charts_of(HeldOut("t", "", probability, label, is_class=True), "t")]
    assert names == ["t-roc", "t-reliability"]
    chart = charts_of(HeldOut("t", "", probability, label, is_class=True), "t")[1]
    assert np.abs(chart.table["share"] - chart.table["probability"]).max() < 0.12
    assert chart.table["structures"].sum() == 2000


def test_without_labels_there_is_nothing_to_show():
    nothing = np.full(3, np.nan)
    assert charts_of(HeldOut("t", "", np.ones(3), nothing), "t") == []


def test_texts_and_numbers_of_a_figure_are_safe_cells():
    text = csv_of({"name": ["=1+1", 'a"b,c'], "x": np.array([1.5, np.nan])})
    assert text == 'name,x\n\'=1+1,1.5\n"a""b,c",\n'


def test_each_layer_is_drawn():
    x = np.array([0.0, 1.0, 2.0])
    chart = Chart(
        "n", "t<>", "c", Axis("x", 0, 2, ["a", "b", "c"]), Axis("y & z", *span(x)),
        [
            Bars(np.array([-0.5, 0.5]), np.array([1.0])), Line(x, x, steps=True),
            Points(x, x, "chosen", ["<1>", "2", "3"], x - 1, x + 1),
        ],
        {"x": x}, [("chosen", "<those>")], notes=["<note>"],
    )  # fmt: skip
    drawn = svg.draw(chart)
    for part in (
        "<rect",
        'class="line guide"',
        "&lt;1&gt;",
        'class="error chosen"',
        "&lt;note&gt;",
    ):
        assert part in drawn
    assert draw_png(chart).startswith(b"\x89PNG")
