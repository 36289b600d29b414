"""The compiled reader says what gemmi says, or nothing."""

import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screenkit.crystal.blocks import read_blocks
from screenkit.crystal.elements import SYMBOLS
from screenkit.crystal.syntax import _decode, _read_by_gemmi
from screenkit.crystal.words import Words

FILES = sorted((Path(__file__).parents[2] / "examples").rglob("*.cif"))


def said(blocks):
    """Return what blocks say, as plain lists."""
    return [
        (block.name, {tag: block.words[place].texts() for tag, place in block.places.items()})
        for block in blocks
    ]


def assert_agrees_with_gemmi(text: bytes) -> bool:
    """Tell whether the compiled reader reads it; if so, it must be what gemmi reads."""
    blocks = read_blocks(text)
    if blocks is None:
        return False
    warnings: list[str] = []
    assert said(blocks) == said(_read_by_gemmi(text.decode("ascii"), warnings.append))
    assert not warnings  # nothing that must be mended is taken as it stands
    return True


def test_the_files_of_the_examples_are_read_as_gemmi_reads_them():
    texts = [_decode(path.read_bytes(), [].append) for path in FILES]
    assert FILES
    assert all(assert_agrees_with_gemmi(text) for text in texts)


ORDINARY = [
    b"data_a _x 5",
    b"data_a\n_x 'a b' # said\n_y \"it's\"\n",
    b"# first\ndata_a\r\nloop_\r\n_x\r\n_y\r\n1 'a b'\r\n2 .\r\n_z ?\r\n",
    b"data_a\n_x\n;one\ntwo\n;\n_y 1",
    b"data_a\n_x\r\n;one\r\n;\r\n",
    b"data_a\n_x 'a'b'\nDATA_b\n_X a#b\nLOOP_ _y [1 ]2\n",
    b"data_a\n_x ''\n",
]
ODD = [
    b"_x 5\ndata_a\n",
    b"data_a\n_x\n",
    b"data_a\n_x 5 6\n",
    b"data_a\nloop_\n_x\n_y\n1 2 3\n",
    b"data_a\nloop_\n_x\ndata_b\n",
    b"data_a\nloop_\n5 6\n",
    b"data_a\n_x 5\n_X 6\n",
    b"data_a\n_x 5\ndata_A\n_x 5\n",
    b"data_a\n_x 'a\n",
    b"data_a\n_x 'a'#b\n",
    b"data_a\n_x\n;one\n",
    b"data_a\n_x\n;one\n;two\n",
    b"data_a\n_x a\x01\n",
    b"data_a\n_x\x0b5\n",
    b"data_a\nsave_b\n_x 5\nsave_\n",
    b"data_\n_x 5\n",
    b"data_a\n_ 5\n",
    b"data_a\n_x $a\n",
    b"data_a\n_x stop_\n",
    b"data_a\nsome words\n",
    b"words",
    b" ",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_what_is_ordinary_is_read(text: bytes):
    assert assert_agrees_with_gemmi(text)


@pytest.mark.parametrize("text", ODD)
def test_what_is_odd_is_left_to_gemmi(text: bytes):
    assert read_blocks(text) is None


PIECES = ["data_a", "data_b", "loop_", "_x", "_y", "1", "?", "'a b'", '"', "'", ";", "#", "\n"]
PIECES += ["\n;", "\r\n", "\t", " ", "save_", "$", "stop_", "a;b", "[", "\r"]


@given(st.lists(st.sampled_from(PIECES), max_size=20), st.sampled_from(["", " ", "\n"]))
def test_whatever_it_reads_gemmi_reads_alike(pieces: list[str], between: str):
    assert_agrees_with_gemmi(between.join(["data_z", *pieces]).encode())


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-1e6, max_value=1e6))
def test_decimals_are_what_float_makes_of_them(number):
    text = f"{number:f}"
    numbers = Words.of([text]).numbers()
    assert numbers is None or numbers[0] == float(text)
    assert numbers is not None or sum(letter.isdigit() for letter in text) > 15


DIGITS = st.text("0123456789", max_size=9)


@given(st.builds("".join, st.tuples(st.sampled_from(["", "-", "+"]), DIGITS, st.just("."), DIGITS)))
def test_every_way_to_write_a_decimal_is_read_or_left(text: str):
    numbers = Words.of([text]).numbers()
    if numbers is not None:
        assert numbers[0] == float(text)
        assert np.signbit(numbers[0]) == (text[0] == "-")


@pytest.mark.parametrize("text", ["", ".", "-", "1e5", "1.0(2)", "nan", "1_0", "1..2", "--1"])
def test_what_is_no_plain_decimal_is_left(text: str):
    assert Words.of(["0.5", text]).numbers() is None


def test_symbols_become_atomic_numbers():
    words = [*SYMBOLS[1:], *(symbol.upper() for symbol in SYMBOLS[1:])]
    numbers = Words.of(words).elements()
    assert numbers is not None
    assert numbers.tolist() == 2 * list(range(1, 119))
    for strange in ("zn", "X", "D", "Zn2+", "", "C1", "Aa"):
        assert Words.of(["Zn", strange]).elements() is None


def test_words_are_alike_or_they_differ():
    assert Words.of(["1.0", "1.0"]).distinct() == {"1.0"}
    assert Words.of(["1.0", "1.00", "1.0"]).distinct() == {"1.0", "1.00"}
    assert Words.of([]).distinct() == set()
    assert Words.of(["", "a", ""]).texts() == ["", "a", ""]


@pytest.mark.slow
@pytest.mark.skipif("SCREENKIT_DATA" not in os.environ, reason="SCREENKIT_DATA is not set")
@pytest.mark.parametrize("library", ["core2019", "pormake", "tobacco", "crafted"])
def test_whole_libraries_are_read_as_gemmi_reads_them(library: str):
    folder = Path(os.environ["SCREENKIT_DATA"]) / library
    read = total = 0
    with tarfile.open(folder / f"{library}.tar.xz") as archive:
        for member in archive:
            if member.name.endswith(".cif") and (file := archive.extractfile(member)):
                text = file.read()
                total += 1
                read += text.isascii() and assert_agrees_with_gemmi(text)
                if total == 1500:
                    break
    assert read > 0.95 * total > 0
