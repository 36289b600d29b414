"""Pictures of structures."""

from __future__ import annotations

import time

import numpy as np
import pytest

from screenkit.report.structure import Picture, draw_structure
from tests.crystals import crystal, random_crystal, rock_salt, supercell

PNG = b"\x89PNG\r\n"


def picture(given, **changed) -> Picture:
    weights = np.sin(np.arange(len(given)))
    return Picture(**({"crystal": given, "weights": weights, "title": "$x$ & <y>",
                       "quantity": "weight", "unit": "eV"} | changed))  # fmt: skip


@pytest.mark.parametrize("form", ["png", "svg"])
def test_equal_data_give_equal_bytes(form: str):
    one, two = (draw_structure(picture(random_crystal()), form) for _ in range(2))
    assert one == two
    assert one.startswith(PNG) if form == "png" else b"<svg" in one


def test_other_weights_give_another_picture():
    first = draw_structure(picture(rock_salt()))
    assert first != draw_structure(picture(rock_salt(), weights=np.arange(8.0)))


@pytest.mark.parametrize(
    "given",
    [
        crystal([18], [[0, 0, 0]], [5.0] * 3),
        crystal([6, 6], [[0, 0, 0], [0, 0, 0.5]], [1.0, 1.0, 40.0]),
        crystal([55], [[0.99, 0, 1e-9]], [[4, 0, 0], [-3.9, 1, 0], [0, 0, 4]]),
    ],
    ids=["one atom", "needle", "flat cell"],
)
def test_odd_cells_are_drawn(given):
    assert draw_structure(picture(given, weights=np.zeros(len(given)))).startswith(PNG)


def test_a_large_structure_is_drawn_in_seconds_and_its_svg_stays_small():
    large = supercell(rock_salt(), (6, 6, 6))  # 1728 atoms, 10 000 bonds
    started = time.process_time()
    data = draw_structure(picture(large), "svg")
    assert time.process_time() - started < 10
    assert len(data) < 3_000_000
