"""The periodic table and its colours."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from screenkit.crystal.elements import SYMBOLS, atomic_number
from screenkit.report.elements_map import ElementsMap, draw_elements_map, place
from screenkit.report.shades import Shades, handy, ink_on

PNG = b"\x89PNG\r\n"


def told(**changed) -> ElementsMap:
    facts = {"title": "uptake: $elements$", "quantity": "mean weight", "unit": "mol/kg"}
    facts |= {"values": {"H": -1.0, "Zn": 2.0, "C": float("nan")}, "atoms": {"H": 3, "Zn": 4}}
    return ElementsMap(**(facts | changed))


def test_every_element_has_a_cell_of_its_own():
    places = [place(number) for number in range(1, 119)]
    assert max(Counter(places).values()) == 1
    assert all(0 <= column < 18 for _, column in places)


@pytest.mark.parametrize(
    ("column", "symbols"),
    [
        (0, "H Li Na K Rb Cs Fr"),
        (1, "Be Mg Ca Sr Ba Ra"),
        (2, "Sc Y"),
        (3, "Ti Zr Hf Rf"),
        (11, "Zn Cd Hg Cn"),
        (12, "B Al Ga In Tl Nh"),
        (17, "He Ne Ar Kr Xe Rn Og"),
    ],
)
def test_the_groups_stand_below_each_other(column: int, symbols: str):
    inside = [n for n in range(1, 119) if place(n)[1] == column and place(n)[0] < 7]
    assert [SYMBOLS[number] for number in inside] == symbols.split()


def test_lanthanides_and_actinides_stand_apart_fifteen_each():
    rows = Counter(place(number)[0] for number in range(1, 119))
    assert rows[7] == rows[8] == 15
    assert place(atomic_number("La") or 0)[1] == place(atomic_number("Ac") or 0)[1]


@pytest.mark.parametrize("form", ["png", "svg"])
def test_equal_data_give_equal_bytes(form: str):
    data = draw_elements_map(told(), form)
    assert data == draw_elements_map(told(), form)
    assert data.startswith(PNG) if form == "png" else b"<svg" in data


def test_a_map_of_nothing_and_a_map_of_one_are_drawn():
    assert draw_elements_map(told(values={}, atoms={})).startswith(PNG)
    one = draw_elements_map(told(values={"H": 0.0}, atoms={"H": 1}))
    assert one.startswith(PNG)


def test_numbers_of_both_signs_part_at_zero():
    shades = Shades.of(np.array([-1.0, 3.0]))
    assert shades.two_hues and shades.low == -shades.high == -3.0
    middle = shades.colours(np.array([0.0]))[0, :3]
    assert middle == pytest.approx([0.97, 0.97, 0.97], abs=0.02)


def test_numbers_of_one_sign_have_one_hue_unless_their_sign_matters():
    assert not Shades.of(np.array([1.0, 3.0])).two_hues
    assert Shades.of(np.array([1.0, 3.0]), signed=True).two_hues


def test_a_ratio_and_its_inverse_are_equally_far_from_the_middle():
    shades = Shades.of(np.array([0.5, 4.0]), ratio=True)
    assert (shades.low, shades.high) == (-2.0, 2.0)


def test_one_giant_among_many_does_not_take_the_colours_from_the_others():
    values = np.concatenate([np.linspace(0, 1, 999), [1000.0]])
    shades = Shades.of(values)
    assert shades.high < 2 and shades.extend in ("max", "both")


def test_the_larger_number_has_the_lighter_colour_for_every_eye():
    shades = Shades.of(np.array([0.0, 1.0]))
    grey = shades.colours(np.linspace(0, 1, 50))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(grey) > 0).all()


def test_text_can_be_read_on_every_colour():
    for shades in (Shades.of(np.array([0.0, 1.0])), Shades.of(np.array([-1.0, 1.0]))):
        for fill in shades.colours(np.linspace(shades.low, shades.high, 30)):
            linear = np.where(
                fill[:3] <= 0.04045, fill[:3] / 12.92, ((fill[:3] + 0.055) / 1.055) ** 2.4
            )
            light = linear @ [0.2126, 0.7152, 0.0722]
            contrast = 1.05 / (light + 0.05) if ink_on(fill) == "white" else (light + 0.05) / 0.067
            assert contrast > 3.5


@pytest.mark.parametrize(
    ("largest", "factor", "unit"),
    [(0.5, 1, " (eV)"), (0.004, 1e3, " (10⁻³ eV)"), (2e-5, 1e6, " (10⁻⁶ eV)"), (300, 1, " (eV)")],
)
def test_small_numbers_move_their_power_into_the_unit(largest: float, factor: float, unit: str):
    values, told_unit = handy(np.array([largest, -largest / 2]), "eV")
    assert values == pytest.approx([largest * factor, -largest / 2 * factor])
    assert told_unit == unit


def test_all_zero_is_left_alone_and_no_unit_needs_no_brackets():
    assert handy(np.zeros(3), "")[1] == ""
    assert not re.search("[0-9]", handy(np.zeros(3), "eV")[1])
