"""CSV cells. Python's csv module reads them back."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screenkit.ranking.table import lines, number_cells, text_cell, text_cells


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize("name", ["NA", "nan", "001", "1e5", "None", "TRUE", "", " x ", "MOF 5"])
def test_a_name_that_looks_like_something_else_stays_as_it_is(name: str):
    assert text_cell(name) == name


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff20"])
def test_a_text_that_a_spreadsheet_would_compute_is_disarmed(start: str):
    ((cell,),) = read(text_cell(f"{start}cmd|' /C calc'!A0") + "\n")
    assert cell == f"'{start}cmd|' /C calc'!A0"


def test_a_sign_inside_a_text_is_left_alone():
    assert text_cell("a=b-c@d+e") == "a=b-c@d+e"


@given(st.lists(st.tuples(st.text(), st.text(min_size=1)), min_size=1))
def test_every_text_is_read_again_but_for_the_apostrophe(rows: list[tuple[str, str]]):
    columns = list(zip(*rows, strict=True))
    again = read(lines([text_cells(column) for column in columns]))
    for row, found in zip(rows, again, strict=True):
        for text, cell in zip(row, found, strict=True):
            computed = text[0] in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20" if text else False
            assert cell == ("'" + text if computed else text)


def test_numbers_have_six_digits_and_missing_ones_are_empty():
    values = np.array([1 / 3, 2.0, 1234567.0, math.nan, -1e-9])
    assert number_cells(values) == ["0.333333", "2", "1.23457e+06", "", "-1e-09"]


def test_integers_are_whole():
    assert number_cells(np.array([1_234_567, 0])) == ["1234567", "0"]
