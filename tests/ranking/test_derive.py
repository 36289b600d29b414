"""Columns that are computed from others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from screenkit.errors import UsageError
from screenkit.ranking.derive import derive, read_derived
from tests.stores import HEAT, UPTAKE, bad, make_store, ok

LOW = UPTAKE["name"]


@pytest.fixture
def store(tmp_path: Path):
    rows = [ok("a", 1.0, 30.0, density=0.5), bad("b", "overlap"), ok("c", 4.0, 20.0, density=2.0)]
    return make_store(tmp_path, rows)


def test_a_derived_column_stands_behind_the_targets_and_is_read_like_one(store):
    derived = derive(store, [f"wc = heat / {LOW}", "half = wc / 2"])
    assert [target["name"] for target in derived.targets] == [LOW, "heat", "wc", "half"]
    assert derived.column("half").tolist() == pytest.approx([15.0, np.nan, 2.5], nan_ok=True)
    assert derived.column("half", 2, 3).tolist() == [2.5]
    assert [len(part["wc"]) for part in derived.chunks(["wc"], size=2)] == [2, 1]


def test_facts_may_be_used_by_either_name(store):
    derived = derive(store, [f"per_volume = {LOW} * density", f"same = {LOW} * density_g_cm3"])
    assert derived.column("per_volume")[[0, 2]].tolist() == [0.5, 8.0]
    assert derived.column("same")[[0, 2]].tolist() == [0.5, 8.0]


def test_a_name_that_is_no_word_stands_in_back_quotes(store):
    derived = derive(store, ["`a b` = heat", "c = `a b` + 1"])
    assert derived.column("c")[0] == 31.0


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["wc"], "wanted NAME = FORMULA"),
        (["wc == heat"], "wanted NAME = FORMULA"),
        (["2d = heat"], "wanted NAME = FORMULA"),
        (["heat = heat + 1"], "already"),
        (["density = heat"], "already"),
        (["wc = heat", "wc = heat"], "already"),
        (["and = heat"], "no name"),
        (["wc = haet"], "heat"),
        (["wc = later", "later = heat"], "later"),
        (["wc = name"], "text"),
        (["wc = heat > 1"], "number is wanted"),
        (["wc = open('x').read()"], "nothing runs as code"),
    ],
)
def test_what_is_no_formula_is_refused_in_one_line(texts: list[str], words: str):
    with pytest.raises(UsageError) as caught:
        read_derived(texts, [UPTAKE, HEAT])
    assert words in f"{caught.value.message} {caught.value.hint}"
    assert "--derive" in caught.value.message
