"""What a funnel leaves, and how many at each of its rules."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import norm

from screenkit.errors import UsageError
from screenkit.ranking.ranking import RankSettings
from screenkit.ranking.select import SelectSettings, choose
from tests.stores import HEAT, UPTAKE, bad, make_store, ok

NAME = UPTAKE["name"]
SPREAD = {"name": f"{NAME}_std", "unit": "mol/kg", "better": "min", "of": NAME}
ROWS = [
    ok("low", 1.0, 9.0, -10.0, density=0.4, n_atoms=5),
    bad("bad", "overlap"),
    ok("high", 5.0, 0.1, -20.0, density=1.5, n_atoms=20),
    ok("middle", 3.0, 1.5, math.nan, density=0.9, n_atoms=30),
    ok("unsure", 4.0, math.nan, -30.0, density=1.6, n_atoms=40),
    ok("no value", math.nan, 1.0, -30.0),
    ok("twin", 5.0, 0.1, -20.0, density=1.5, n_atoms=20),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    return make_store(tmp_path_factory.mktemp("store"), ROWS, (UPTAKE, SPREAD, HEAT))


def chosen(store, **rules) -> list[str]:
    return choose(store, SelectSettings(**rules), RankSettings()).ranking.texts("name")


def test_each_rule_sees_what_the_one_before_has_left_and_is_counted(store):
    selection = choose(
        store,
        SelectSettings(
            derive=("ratio = heat / density",),
            where="n_atoms >= 20",
            pareto=f"{NAME}:max,ratio:min",
            top="50%",
        ),
        RankSettings(),
    )
    assert [(stage.rule, stage.left) for stage in selection.stages] == [
        ("structures", 7),
        ("outcome ok", 6),
        (f"with a value of {NAME}", 5),
        ("where n_atoms >= 20", 4),
        (f"with a value of {NAME}, ratio", 3),
        (f"pareto {NAME}:max, ratio:min", 3),
        ("top 50%", 2),
    ]
    assert selection.ranking.texts("name") == ["high", "twin"]
    assert selection.ranking.ranks.tolist() == [1, 2]


def test_the_front_keeps_equals_and_knows_which_end_of_a_target_is_good(store):
    assert chosen(store, pareto=f"{NAME}, density:min") == ["high", "twin", "middle", "low"]
    assert chosen(store, pareto=f"{NAME}, heat") == ["high", "twin", "unsure"]


def test_a_derived_column_can_order_and_be_cut(store):
    rules = {"derive": ("q = density / n_atoms",), "target": "q:min", "top": "2"}
    assert chosen(store, **rules) == ["no value", "middle"]


def test_the_run_says_the_target_where_the_rules_do_not(store):
    selection = choose(store, SelectSettings(top="1"), RankSettings(target="heat"))
    assert (selection.ranking.target, selection.ranking.better) == ("heat", "min")
    flipped = choose(store, SelectSettings(top="1"), RankSettings(target="heat", better="max"))
    assert flipped.ranking.texts("name") == ["low"]


def test_diverse_starts_with_the_best_and_goes_farthest(store):
    # Along n_atoms from high (20): unsure (40), then low (5), not middle (30).
    assert chosen(store, diverse=3, space="n_atoms") == ["high", "unsure", "low"]


def test_diverse_leaves_out_and_counts_what_has_no_place_in_its_space(store):
    selection = choose(store, SelectSettings(diverse=9, space="heat, density"), RankSettings())
    assert [stage.left for stage in selection.stages][-2:] == [4, 4]
    assert "middle" not in selection.ranking.texts("name")


def test_without_a_space_all_targets_and_facts_are_one_but_no_spread(store):
    rule = choose(store, SelectSettings(diverse=2), RankSettings()).stages[-1].rule
    assert rule == (
        f"diverse 2 in {NAME}, heat, n_atoms, volume_A3, density_g_cm3, minimum_distance_A"
    )


def test_greedy_orders_by_the_prediction_and_ucb_by_it_and_its_spread(store):
    assert chosen(store, acquire="greedy") == ["high", "twin", "unsure", "middle", "low"]
    # 1 + 2 x 9 > 3 + 2 x 1.5 > 5 + 2 x 0.1; what has no spread is left out.
    assert chosen(store, acquire="ucb") == ["low", "middle", "high", "twin"]
    assert chosen(store, acquire="ucb", beta=0) == ["high", "twin", "middle", "low"]


def test_scores_stand_beside_what_they_order_through_every_later_rule(store):
    selection = choose(
        store, SelectSettings(acquire="ucb", top="3", diverse=2, space="n_atoms"), RankSettings()
    )
    assert selection.ranking.texts("name") == ["low", "middle"]
    assert selection.scores is not None
    assert selection.scores.tolist() == pytest.approx([19.0, 6.0])


def test_expected_improvement_is_over_the_best_prediction_or_what_is_said(store):
    assert chosen(store, acquire="ei")[0] == "low"  # 9 deviations of room
    assert chosen(store, acquire="ei", best_known=-1000.0)[0] == "high"  # then all that counts


def test_what_is_to_be_small_is_acquired_from_the_other_end(tmp_path: Path):
    heat_std = {"name": "heat_std", "unit": "kJ/mol", "better": "min", "of": "heat"}
    rows = [ok("a", 30.0, 1.0), ok("b", 20.0, 1.0), ok("c", 29.0, 8.0)]
    store = make_store(tmp_path, rows, (HEAT, heat_std))
    assert chosen(store, acquire="greedy") == ["b", "c", "a"]
    assert chosen(store, acquire="ucb") == ["c", "b", "a"]  # 29 - 16, 20 - 2, 30 - 2
    assert chosen(store, acquire="ei", best_known=20.0)[-1] == "a"


def test_thompson_draws_anew_by_seed_and_the_same_whatever_else_is_chosen(tmp_path: Path):
    rng = np.random.default_rng(0)
    rows = [ok(str(i), v, 5.0, 0.0, n_atoms=i + 1) for i, v in enumerate(rng.normal(size=60))]
    store = make_store(tmp_path, rows, (UPTAKE, SPREAD, HEAT))
    first = chosen(store, acquire="thompson")
    assert first == chosen(store, acquire="thompson", seed=0)
    assert first != chosen(store, acquire="thompson", seed=1)
    few = chosen(store, acquire="thompson", where="n_atoms <= 30")
    assert few == [name for name in first if int(name) < 30]


def test_the_embedding_is_the_space_where_there_is_one(tmp_path: Path):
    points = np.array([[0, 0], [9, 0], [0, 1], [5, 5], [np.nan, np.nan]])
    rows = [ok(name, 9.0 - i, 1.0) for i, name in enumerate("abcde")]
    store = make_store(tmp_path, rows, embedding=points)
    assert chosen(store, diverse=3) == ["a", "b", "d"]
    assert chosen(store, diverse=3, where="n_atoms > 0 and heat < 2")[0] == "a"
    stages = choose(store, SelectSettings(diverse=3), RankSettings()).stages
    assert [stage.rule for stage in stages[-2:]] == [
        "with an embedding",
        "diverse 3 in the embedding",
    ]
    assert stages[-2].left == 4
    by_column = choose(store, SelectSettings(diverse=2, space=NAME), RankSettings())
    assert by_column.ranking.texts("name") == ["a", "e"]


def test_a_calibrated_model_without_members_is_acquired_by_its_interval(tmp_path: Path):
    low, high = (
        {"name": f"{NAME}{end}", "unit": "", "better": "max", "of": NAME, "level": "0.9"}
        for end in ("_low", "_high")
    )
    rows = [ok("sure", 5.0, 4.0, 6.0), ok("unsure", 4.0, 1.0, 7.0), ok("poor", 1.0, 0.5, 1.5)]
    store = make_store(tmp_path, rows, (UPTAKE, low, high))
    selection = choose(store, SelectSettings(acquire="ucb"), RankSettings())
    deviation = np.array([3.0, 1.0, 0.5]) / norm.ppf(0.95)
    assert selection.ranking.texts("name") == ["unsure", "sure", "poor"]
    assert selection.scores == pytest.approx(np.array([4.0, 5.0, 1.0]) + 2 * deviation)
    assert selection.stages[-1].rule.endswith("_low and high")


def test_an_empty_funnel_goes_on_to_its_end(store):
    selection = choose(
        store,
        SelectSettings(
            where="n_atoms > 999", pareto=f"{NAME},heat", acquire="ei", top="5", diverse=3
        ),
        RankSettings(),
    )
    assert len(selection.ranking) == 0
    assert [stage.left for stage in selection.stages][3:] == [0] * 5


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"pareto": f"{NAME}:max,dnsity:min"}, "did you mean density"),
        ({"pareto": f"{NAME}:max,density"}, "density:max, or density:min"),
        ({"pareto": f"{NAME}:max,density:low"}, "wanted :max or :min"),
        ({"pareto": f"{NAME}:max,name:min"}, "is a text"),
        ({"pareto": NAME}, "2 to 31"),
        ({"pareto": f"{NAME},{NAME}"}, "different"),
        ({"pareto": "__import__('os'):max,density:min"}, "no column"),
        ({"target": "heta"}, "did you mean heat"),
        ({"target": "density:min"}, "--derive"),
        ({"derive": ("q = heat",), "target": "q"}, "q:max, or q:min"),
        ({"space": "heat, dens"}, "--space"),
        ({"where": "n_atms < 5"}, "n_atoms"),
        ({"acquire": "ei", "target": "heat"}, "heat_std"),
    ],
)
def test_a_rule_that_does_not_fit_says_so_in_one_line(store, rules: dict, words: str):
    with pytest.raises(UsageError) as caught:
        choose(store, SelectSettings(**{"top": "1", **rules}), RankSettings())
    assert words in f"{caught.value.message} {caught.value.hint}"


def test_without_a_spread_one_is_told_what_to_do(store):
    with pytest.raises(UsageError) as caught:
        choose(store, SelectSettings(acquire="ucb", target="heat"), RankSettings())
    assert "heat_std" in caught.value.message
    assert "ensemble" in caught.value.hint


@pytest.mark.parametrize(
    "rules", [{"diverse": 0}, {"top": "0"}, {"beta": -1}, {"acquire": "best"}, {"seed": -1}]
)
def test_settings_out_of_range_are_refused_at_birth(rules: dict):
    with pytest.raises(ValidationError):
        SelectSettings(**rules)
