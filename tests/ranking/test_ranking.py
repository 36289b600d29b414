"""Which rows are best, and what is written of them."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from screenkit.errors import Outcome, UsageError
from screenkit.ranking.ranking import RankSettings, rank, shortlist, write_failures
from tests.stores import HEAT, UPTAKE, bad, make_store, ok

ROWS = [
    ok("b", 2.0, -30.0, n_atoms=600),
    ok("broken", 9.0, math.nan),
    bad("bad", "overlap", "0.5 Å between 1 and 2", Outcome.FILTERED),
    ok("a", 3.0, -20.0, density=0.4),
    ok("tie", 2.0, -40.0, n_atoms=50, warnings="symmetry_missing"),
    bad("=worse", "no_cell", 'no "cell", none'),
    ok("c", 1.0, -10.0),
]


@pytest.fixture
def store(tmp_path: Path):
    return make_store(tmp_path, ROWS)


def names(ranking) -> list[str]:
    return ranking.texts("name")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_first_target_ranks_and_the_best_is_first(store):
    ranking = rank(store, RankSettings())
    assert ranking.target == UPTAKE["name"]
    assert names(ranking) == ["broken", "a", "b", "tie", "c"]
    assert ranking.ranks.tolist() == [1, 2, 3, 4, 5]


def test_equal_values_keep_the_order_of_the_library_in_both_directions(store):
    for better in ("max", "min"):
        found = names(rank(store, RankSettings(better=better)))
        assert found.index("b") < found.index("tie")


def test_the_target_says_which_way_is_better_and_the_settings_may_say_otherwise(store):
    assert names(rank(store, RankSettings(target=HEAT["name"])))[0] == "tie"
    assert names(rank(store, RankSettings(target=HEAT["name"], better="max")))[0] == "c"


def test_a_row_without_a_value_is_not_ranked(store):
    assert "broken" not in names(rank(store, RankSettings(target=HEAT["name"])))


def test_an_unknown_target_names_its_nearest_neighbour(store):
    with pytest.raises(UsageError) as caught:
        rank(store, RankSettings(target="co2_uptake_0.15bar_289K"))
    assert UPTAKE["name"] in caught.value.hint


def test_a_condition_that_does_not_fit_is_refused_before_anything_is_computed():
    with pytest.raises(UsageError, match="n_atmos"):
        RankSettings(where="n_atmos < 5").choose([UPTAKE])


@pytest.mark.parametrize(
    ("text", "count"), [("2", 2), ("99", 5), ("40%", 2), ("1%", 1), ("41 %", 3)]
)
def test_top_is_a_number_or_a_share_rounded_up(store, text: str, count: int):
    assert len(rank(store, RankSettings()).top(text)) == count


def test_a_share_of_a_whole_number_is_not_rounded_up_by_arithmetic(tmp_path: Path):
    store = make_store(tmp_path, [ok(f"m{i}", float(i), 0.0) for i in range(30)])
    assert len(rank(store, RankSettings()).top("10%")) == 3


@pytest.mark.parametrize("text", ["0", "-1", "0%", "101%", "ten", "", "5.5", "1e3", "%"])
def test_a_top_that_makes_no_sense_is_refused(text: str):
    with pytest.raises(ValidationError, match="should be a number above 0"):
        RankSettings(top=text)


def test_where_comes_before_top_and_ranks_stay_those_of_the_whole(store):
    settings = RankSettings(where="n_atoms < 500 and density_g_cm3 >= 1", top="2")
    short = shortlist(rank(store, settings), settings)
    assert names(short) == ["broken", "tie"]
    assert short.ranks.tolist() == [1, 4]
    assert short.rules == ("where n_atoms < 500 and density_g_cm3 >= 1", "top 2")


def test_where_knows_texts_and_targets(store):
    ranking = rank(store, RankSettings())
    assert names(ranking.where('warnings == "symmetry_missing"')) == ["tie"]
    assert names(ranking.where("co2_uptake_0.15bar_298K > 2 and heat < 0")) == ["a"]


def test_the_table_holds_every_ok_row_best_first(store, tmp_path: Path):
    path = tmp_path / "ranking.csv"
    rank(store, RankSettings()).write_csv(path)
    assert path.read_text().startswith(f"rank,name,{UPTAKE['name']},heat,n_atoms,")
    rows = table(path)
    assert [row["name"] for row in rows] == ["broken", "a", "b", "tie", "c"]
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert rows[0]["heat"] == ""
    assert rows[1]["density_g_cm3"] == "0.4"
    assert rows[3]["warnings"] == "symmetry_missing"


def test_a_table_is_the_same_whether_it_is_written_once_or_again(store, tmp_path: Path):
    for name in ("one.csv", "two.csv"):
        rank(store, RankSettings()).write_csv(tmp_path / name)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_every_row_is_in_the_ranking_or_among_the_failures(store, tmp_path: Path):
    rank(store, RankSettings()).write_csv(tmp_path / "ranking.csv")
    write_failures(store, tmp_path / "failures.csv")
    failures = table(tmp_path / "failures.csv")
    assert [tuple(row.values()) for row in failures] == [
        ("bad", "filtered", "overlap", "0.5 Å between 1 and 2"),
        ("'=worse", "failed", "no_cell", 'no "cell", none'),
    ]
    assert len(failures) + len(table(tmp_path / "ranking.csv")) == len(ROWS)


def test_a_store_without_an_ok_row_gives_an_empty_ranking(tmp_path: Path):
    ranking = rank(make_store(tmp_path, [bad("x", "no_cell")]), RankSettings())
    ranking.top("5%").write_csv(tmp_path / "ranking.csv")
    assert len(ranking) == 0
    assert ranking.rows() == []
    assert len((tmp_path / "ranking.csv").read_text().splitlines()) == 1


def test_the_order_is_that_of_a_stable_sort_for_many_rows_and_ties(tmp_path: Path):
    values = np.random.default_rng(0).integers(0, 20, 1000).astype(float)
    store = make_store(tmp_path, [ok(f"m{i}", v, 0.0) for i, v in enumerate(values)], shard_size=64)
    wanted = sorted(range(1000), key=lambda i: -values[i])  # Python's sort is stable
    assert names(rank(store, RankSettings())) == [f"m{i}" for i in wanted]


def test_the_rows_for_people_hold_all_columns(store):
    (row,) = rank(store, RankSettings()).rows(1, 2)
    assert row["rank"] == 2
    assert row["name"] == "a"
    assert row["heat"] == -20.0
    assert row["density_g_cm3"] == 0.4
