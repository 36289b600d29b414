"""Small drawings of crystals, and the colours of their elements."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pymatgen.core
import pytest
import yaml

from screenkit.crystal.elements import atomic_number
from screenkit.report.element_colours import ELEMENT_COLOURS, hex_colour
from screenkit.report.miniature import draw_miniature
from tests.crystals import rock_salt, supercell


def test_the_colours_are_those_of_jmol():
    path = Path(str(pymatgen.core.__file__)).with_name("ElementColorSchemes.yaml")
    jmol = yaml.safe_load(path.read_text())["Jmol"]
    for symbol, colour in jmol.items():
        number = atomic_number(symbol)
        if number is not None and number <= 103:
            assert ELEMENT_COLOURS[number] == pytest.approx(colour, abs=1), symbol


def test_every_atom_is_a_dot_in_the_colour_of_its_element():
    crystal = supercell(rock_salt(), (3, 3, 3))  # 216 atoms: each is drawn once
    drawn = draw_miniature(crystal)
    for number in (11, 17):
        colour = hex_colour(ELEMENT_COLOURS[number])
        dots = re.findall(rf'stroke="{colour}"[^>]* d="([^"]*)"', drawn)
        assert sum(path.count("h0") for path in dots) == 108


def test_it_stays_within_its_frame_and_is_small():
    drawn = draw_miniature(supercell(rock_salt(), (3, 3, 3)))
    places = np.array(re.findall(r"M(-?[\d.]+) (-?[\d.]+)", drawn), float)
    assert places.min() >= 0 and places.max() <= 200
    assert len(drawn) < 150 * 216  # six bonds an atom


def test_weights_take_the_place_of_elements():
    crystal = rock_salt()
    drawn = draw_miniature(crystal, np.linspace(-1, 1, len(crystal)), signed=True)
    assert hex_colour(ELEMENT_COLOURS[11]) not in drawn
    assert len(set(re.findall(r'stroke="(#\w+)"', drawn))) >= 4
