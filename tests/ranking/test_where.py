"""What `--where` keeps. SQLite is the oracle: it has the same three-valued logic."""

from __future__ import annotations

import math
import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screenkit.errors import UsageError
from screenkit.ranking.where import NUMBER, TEXT, read_condition, read_formula

KINDS = {
    "co2_uptake_0.15bar_298K": NUMBER,
    "n_atoms": NUMBER,
    "x": NUMBER,
    "y": NUMBER,
    "CH4-65bar": NUMBER,
    "name": TEXT,
}
NAN = math.nan


def kept(text: str, **columns: list) -> list[bool]:
    arrays = {
        name.replace("__", "-"): np.array(
            values, dtype=object if isinstance(values[0], str) else np.float64
        )
        for name, values in columns.items()
    }
    return read_condition(text, KINDS)(arrays).tolist()


def test_the_condition_of_the_readme():
    columns = {"co2_uptake_0.15bar_298K": [1.0, 3.0, 3.0], "n_atoms": [100.0, 600.0, 499.0]}
    text = "co2_uptake_0.15bar_298K > 2 and n_atoms < 500"
    assert kept(text, **columns) == [False, False, True]


def test_and_binds_tighter_than_or_and_not_than_and():
    assert kept("x == 1 or x == 2 and x == 3", x=[1.0, 2.0]) == [True, False]
    assert kept("not x == 1 and x == 2", x=[1.0, 2.0]) == [False, True]


def test_products_bind_tighter_than_sums_and_both_run_from_the_left():
    assert kept("10 - 4 - 3 + 2 * x == 9 and 12 / 2 / 3 == 2", x=[3.0]) == [True]


def test_comparisons_may_be_chained():
    assert kept("0 < x <= 1", x=[0.0, 0.5, 1.0, 2.0]) == [False, True, True, False]


def test_a_minus_sign_may_stand_before_a_value_or_parentheses():
    assert kept("-x < -(1 + 1) and --x > 0", x=[1.0, 3.0]) == [False, True]


def test_a_missing_value_is_neither_above_nor_not_above():
    assert kept("x > 2", x=[NAN]) == [False]
    assert kept("not (x > 2)", x=[NAN]) == [False]
    assert kept("x != 2", x=[NAN]) == [False]


def test_a_missing_value_does_not_hide_what_is_known():
    assert kept("x > 2 or y > 2", x=[NAN], y=[3.0]) == [True]


def test_texts_are_compared_as_they_stand():
    assert kept("name == \"001\" or name != 'NA'", name=["001", "NA", "nan"]) == [True, False, True]


def test_a_column_whose_name_is_no_word_stands_in_back_quotes():
    assert kept("`CH4-65bar` > 1", CH4__65bar=[0.5, 2.0]) == [False, True]


def test_a_number_divided_by_zero_is_unknown_or_infinite_and_never_an_error():
    assert kept("x / y > 1", x=[0.0, 1.0], y=[0.0, 0.0]) == [False, True]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("n_atms < 5", 0, "n_atoms"),
        ("x < ", 3, "the end"),
        ("x < 5 and", 9, "the end"),
        ("x <", 3, "the end"),
        ("(x < 5", 0, "never closed"),
        ("x < 5)", 5, "after the condition"),
        ("x = 5", 2, "write =="),
        ("x > 1 && y > 1", 6, "write and"),
        ("x > 1 ; y", 6, "unexpected"),
        ("name > 'a'", 5, "no order"),
        ("name == 5", 5, "text"),
        ("name + 1 > 2", 0, "number is wanted"),
        ("x", 0, "condition is wanted"),
        ("x and y > 1", 0, "condition is wanted"),
        ("x > 1 + (y > 2)", 9, "number is wanted"),
        ("(x > 1) > 2", 1, "condition"),
        ("1 < 2", 0, "names no column"),
        ("", 0, "the end"),
        ("x > 'abc", 4, "never closed"),
        ("x > 300K", 4, "run together"),
        ("CH4-65bar > 1", 4, "back quotes"),
        ("not", 3, "the end"),
        ("x > and", 4, "'and'"),
        ("__import__('os')", 0, "no function"),
        ("x.__class__ > 1", 0, "no column"),
        ("sqrt(x).real > 1", 7, "unexpected"),
        ("[i for i in x] > 1", 0, "nothing runs as code"),
        ("(lambda: 1)() > x", 7, "nothing runs as code"),
        ("log(x) > 1", 0, "log10"),
        ("sqrt(x, y) > 1", 0, "one number"),
        ("max(x) > 1", 0, "two numbers"),
        ("abs(name) > 1", 4, "number is wanted"),
        ("abs(x > 1) > 0", 4, "number is wanted"),
        ("abs(x", 3, "never closed"),
        ("x ** 2 > 1", 3, "x * x"),
        ("x, y", 1, "after the condition"),
    ],
)
def test_an_error_shows_the_place(text: str, place: int, words: str):
    with pytest.raises(UsageError) as caught:
        read_condition(text, KINDS)
    _, _, caret = caught.value.message.split("\n")
    assert words in f"{caught.value.message} {caught.value.hint}"
    assert caret.index("^") - 4 == place


def test_functions_give_what_numpy_gives():
    x = np.array([0.25, 4.0])
    for text, wanted in [
        ("abs(1 - x)", [0.75, 3.0]),
        ("sqrt(x)", [0.5, 2.0]),
        ("log10(100 * x)", [math.log10(25), math.log10(400)]),
        ("exp(-x)", [math.exp(-0.25), math.exp(-4)]),
        ("max(x, 1, 2)", [2.0, 4.0]),
        ("min(x, 1, 2)", [0.25, 1.0]),
        ("-2 * (x + 1) / 4 - -x", [-0.375, 1.5]),
    ]:
        assert read_formula(text, KINDS)({"x": x}).tolist() == pytest.approx(wanted)


def test_a_formula_is_unknown_where_a_column_is_and_where_it_is_not_real():
    found = read_formula("max(log10(x), y)", KINDS)(
        {"x": np.array([-1.0, 1.0, NAN]), "y": np.ones(3)}
    )
    assert np.isnan(found).tolist() == [True, False, True]
    assert kept("sqrt(x) < 5 or y > 2", x=[-1.0, -1.0], y=[1.0, 3.0]) == [False, True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x > 1", "a number is wanted"),
        ("name", "a number is wanted"),
        ("1 + 2", "names no column"),
        ("x + zz", "no column named 'zz'"),
        ("__import__('os').system('true')", "nothing runs as code"),
        ("", "the end"),
    ],
)
def test_a_formula_that_gives_no_number_is_refused(text: str, words: str):
    with pytest.raises(UsageError, match=r"^--derive: ") as caught:
        read_formula(text, KINDS)
    assert words in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    "text",
    [
        "abs(" * 5000 + "x" + ")" * 5000 + " > 1",
        "max(" + "x, " * 3000 + "x) > 1",
        "(" * 5000 + "x > 1" + ")" * 5000,
        "not " * 2000 + "x > 1",
        "-" * 9000 + "x > 1",
        "x > 1" + " and x > 1" * 900,
        "x > " + "1 + " * 2000 + "1",
        "x" * 20_000,
        "\x00",
        "x > 1\n\t\x1b[31m and",
    ],
)
def test_a_monstrous_condition_is_refused_and_shown_on_short_lines(text: str):
    with pytest.raises(UsageError) as caught:
        read_condition(text, KINDS)
    lines = caught.value.message.split("\n")
    assert all(line.isprintable() and len(line) < 200 for line in lines)


def test_the_longest_chain_that_is_read_can_be_computed():
    assert kept("x > 0" + " and x > 0" * 124, x=[1.0, -1.0]) == [True, False]


_NUMBERS = st.sampled_from(["x", "y", "0.5", "1.0", "2.5"])
_SUMS = st.recursive(
    _NUMBERS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda t: f"({t} / 4.0)"),
        inner.map(lambda t: f"(- {t})"),
    ),
    max_leaves=4,
)
_SIGNS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
_CONDITIONS = st.recursive(
    st.tuples(_SUMS, _SIGNS, _SUMS).map(" ".join),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
        inner.map(lambda t: f"not ({t})"),
        inner.map(lambda t: f"({t})"),
    ),
    max_leaves=6,
)
_VALUES = st.one_of(st.none(), st.sampled_from([-2.0, 0.0, 0.5, 1.0, 2.5, 4.0]))


@settings(max_examples=300, deadline=None)
@given(_CONDITIONS, st.lists(st.tuples(_VALUES, _VALUES), min_size=1, max_size=8))
def test_it_keeps_what_sqlite_keeps(text: str, rows: list[tuple[float | None, float | None]]):
    base = sqlite3.connect(":memory:")
    base.execute("create table t (x real, y real)")
    base.executemany("insert into t values (?, ?)", rows)
    wanted = [
        bool(row[0]) for row in base.execute(f"select ({text}) is true from t order by rowid")
    ]
    base.close()
    x, y = ([NAN if row[side] is None else row[side] for row in rows] for side in (0, 1))
    columns = {"x": np.array(x), "y": np.array(y)}
    try:
        condition = read_condition(text, KINDS)
    except UsageError as error:
        assert "names no column" in error.message
        return
    assert condition(columns).tolist() == wanted
