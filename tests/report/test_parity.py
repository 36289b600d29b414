"""The parity plot: an image, the same one each time, of whatever there is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from screenkit.report.parity import Panel, draw_parity, write_parity


def panel(n: int = 50, title: str = "co2_uptake", **options: object) -> Panel:
    rng = np.random.default_rng(n)
    truth = rng.gamma(2.0, 1.0, n)
    predicted = truth + rng.normal(0, 0.3, n)
    return Panel(title, "mol/kg", truth, predicted, note="MAE 0.3")


def test_a_class_is_drawn_by_its_two_shares():
    rng = np.random.default_rng(0)
    inside = (rng.random(40) < 0.4).astype(float)
    given = Panel("gap", "eV", inside, rng.random(40), class_if=">0")
    drawn = draw_parity([given], "svg")
    assert drawn == draw_parity([given], "svg")
    assert draw_parity([Panel("gap", "eV", np.ones(3), np.ones(3), class_if=">0")])
    assert b"share of the members taken" in drawn  # as matplotlib's comment beside the glyphs


@pytest.mark.parametrize("form", ["png", "svg"])
def test_equal_data_give_equal_bytes(form: str):
    assert draw_parity([panel()], form) == draw_parity([panel()], form)


def test_the_suffix_says_which_kind_of_image(tmp_path: Path):
    write_parity([panel()], tmp_path / "p.png")
    write_parity([panel()], tmp_path / "p.svg")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    ElementTree.parse(tmp_path / "p.svg")


@pytest.mark.parametrize("count", [1, 2, 5])
def test_there_is_a_panel_per_target(count: int):
    root = ElementTree.fromstring(draw_parity([panel()] * count, "svg"))
    ids = [node.get("id", "") for node in root.iter("{http://www.w3.org/2000/svg}g")]
    drawn = [name for name in ids if name.startswith("axes_")]
    assert len(drawn) == count


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [
        ([], []),
        ([np.nan, 1.0], [1.0, np.nan]),
        ([1.0], [1.0]),
        ([2.0, 2.0], [2.0, 2.0]),
        ([1e-12, 1e12], [0.0, np.inf]),
    ],
)
def test_it_is_drawn_of_nothing_of_one_and_of_equal_values(truth: list, predicted: list):
    given = Panel("t", "", np.array(truth, dtype=float), np.array(predicted, dtype=float))
    assert draw_parity([given])


def test_a_title_with_signs_of_a_formula_is_taken_as_it_is():
    assert draw_parity([panel(title="a_{$^b")], title="$x_{")


def test_many_points_are_coloured_by_how_many_share_a_spot():
    assert draw_parity([panel(5000)])


def test_drawing_leaves_no_global_state():
    code = (
        "import sys; import numpy as np; from screenkit.report.parity import Panel, draw_parity;"
        "assert 'matplotlib' not in sys.modules;"
        "draw_parity([Panel('t', '', np.arange(3.), np.arange(3.))]);"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, timeout=120)
