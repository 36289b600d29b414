"""Texts: what goes in comes out, in order, like from a tuple."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screenkit.texts import Texts

TEXTS = st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))


@given(TEXTS, st.slices(12))
def test_texts_are_read_like_a_tuple(texts, part):
    packed = Texts.of(iter(texts))
    assert tuple(packed) == tuple(texts)
    assert len(packed) == len(texts)
    assert packed[part] == texts[part]
    assert [packed[i] for i in range(-len(texts), len(texts))] == texts + texts


@given(TEXTS, st.integers(0, 2**32 - 1))
def test_any_places_may_be_taken(texts, seed):
    places = np.random.default_rng(seed).integers(len(texts), size=5 if texts else 0)
    wanted = [texts[i] for i in places]
    packed = Texts.of(texts)
    assert packed.take(places) == wanted
    assert list(packed.keep(places)) == wanted


def test_more_than_are_packed_at_once_keep_their_order():
    names = [f"mof_{i}" for i in range(10_000)]
    assert list(Texts.of(names)) == names


def test_a_place_that_is_not_there_is_an_error():
    with pytest.raises(IndexError):
        Texts.of(["a"])[1]


def test_a_text_with_a_nul_is_refused():
    with pytest.raises(ValueError, match="NUL"):
        Texts.of(["a", "b\0c"])


def test_a_text_takes_nine_bytes_beside_its_letters():
    packed = Texts.of(["twelve bytes"] * 1000)
    assert len(packed.data) + packed.starts.nbytes == 1000 * (12 + 9) + 8
