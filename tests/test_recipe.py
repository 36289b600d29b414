"""Settings of a study: from YAML, from the command line, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screenkit.errors import RecipeError, UsageError
from screenkit.recipe import Recipe

RECIPES = sorted((Path(__file__).parents[1] / "recipes").glob("*.yaml"))


def test_a_recipe_that_says_nothing_is_the_defaults():
    assert Recipe.parse("") == Recipe()


def test_sections_fill_their_settings():
    recipe = Recipe.parse("model: m\npredict:\n  batch_atoms: 1e4\nrank: {top: 5, where: n > 1}\n")
    assert recipe.model == "m"
    assert recipe.predict.batch_atoms == 10_000
    assert recipe.rank.top == "5"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("modle: x\n", "line 1", "did you mean model?"),
        ("predict:\n  batch_atom: 5\n", "line 2", "did you mean batch_atoms?"),
        ("\nbatch_atoms: 5\n", "line 2", "it belongs to predict"),
        ("predict:\n  zzz: 5\n", "line 2", "there are batch_atoms"),
        ("predict:\n  batch_atoms: many\n", "line 2", "predict.batch_atoms: should be a valid"),
        ("predict:\n  batch_atoms: 0\n", "line 2", "found 0"),
        ("predict:\n  batch_atoms: true\n", "line 2", "cannot be true"),
        ("predict:\n  batch_atoms: 1.5\n", "line 2", "found 1.5"),
        ("predict: 5\n", "line 1", "predict: should be a section, found 5"),
        ("model: no\nrank:\n  better: up\n", "line 3", "rank.better"),
        ("model: 5\n", "line 1", "found 5"),
        ("rank:\n  top: 0%\n", "line 2", "rank.top: should be a number above 0"),
        ("labels:\n  targets:\n    - nam: x\n", "line 3", "did you mean name?"),
        ("labels:\n  targets:\n    - unit: x\n", "line 3", "is missing"),
        ("run:\n  executor: slrum\n", "line 2", '"slrum"'),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(text: str, place: str, words: str):
    with pytest.raises(RecipeError) as caught:
        Recipe.parse(text, "r.yaml")
    assert caught.value.message.startswith(f"r.yaml, {place}: ")
    assert words in f"{caught.value.message} {caught.value.hint}"


def test_a_word_that_other_yamls_take_for_a_boolean_is_a_text():
    assert Recipe.parse("model: no\n").model == "no"


def test_the_command_line_beats_the_recipe_where_it_says_something():
    recipe = Recipe.parse("model: a\nrank:\n  top: 7\n  where: n_atoms < 5\n")
    over = recipe.override(top="9", where=None, batch_atoms=3, workers=2, seed=4, max_failures=1)
    assert (over.model, over.rank.top, over.rank.where) == ("a", "9", "n_atoms < 5")
    assert (over.predict.batch_atoms, over.run.workers, over.fit.seed) == (3, 2, 4)
    assert over.max_failures == 1
    assert recipe.rank.top == "7"


def test_targets_of_the_command_line_know_their_unit_and_direction():
    recipe = Recipe().override(targets=["uptake_mol_kg", "heat_kJ_mol:min"])
    assert [t.name for t in recipe.labels.targets] == ["uptake", "heat"]
    assert [t.unit for t in recipe.labels.targets] == ["mol/kg", "kJ/mol"]
    assert [t.better for t in recipe.labels.targets] == ["max", "min"]


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("CO2 uptake [mol/kg] @ 16 bar", "CO2_uptake_mol_kg_16_bar"),
        ("5", "_5"),
        ("=cmd", "cmd"),
        ("Wärme", "W_rme"),
        ("", "_"),
        ("x" * 300, "x" * 99),
    ],
)
def test_any_column_can_be_learned_under_a_name_that_fits(column: str, name: str):
    (target,) = Recipe().override(targets=[column]).labels.targets
    assert (target.name, target.column) == (name, column)


@pytest.mark.parametrize("condition", [">2.5", "<=-.5", ">= 1e+3", "<1E-2"])
def test_a_class_has_any_number_for_its_bound(condition: str):
    (target,) = Recipe().override(targets=[f"x{condition}"]).labels.targets
    bound = float(condition.lstrip("<>="))
    inside = target.learn(np.array([bound - 1, bound + 1]))
    assert inside.tolist() == ([1, 0] if condition[0] == "<" else [0, 1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_atoms": 0}, "--batch-atoms: "),
        ({"top": "none"}, "--top: should be a number above 0"),
        ({"device": "gpu"}, "--device: wanted auto, cpu, cuda"),
        ({"targets": ["x:up"]}, "--target x:up: "),
        ({"targets": ["x>"]}, "--target x>: wanted <, <=, > or >= and a number"),
        ({"targets": ["x>1.2.3"]}, "--target x>1.2.3: wanted"),
        ({"only": "subset"}, "--only: wanted COLUMN=VALUE"),
        ({"columns": ["gap"]}, "--column: wanted TARGET=COLUMN"),
    ],
)
def test_an_option_out_of_range_is_named(options: dict, words: str):
    with pytest.raises(UsageError) as caught:
        Recipe().override(**options)
    assert caught.value.message.startswith(words)
    assert caught.value.message.count("found") == 1


def test_an_option_without_a_section_is_our_fault_and_not_lost():
    with pytest.raises(TypeError, match="colour"):
        Recipe().override(colour="red")


def test_a_recipe_is_written_and_read_again_unchanged(tmp_path: Path):
    recipe = Recipe.parse("rank: {where: \"name != 'no'\"}\nnetwork: {width: 64}\n").override(
        targets=["uptake_mol_kg", "heat:min"], workers=3, model="a b: c#d.safetensors"
    )
    (tmp_path / "r.yaml").write_text(recipe.to_yaml("any words: # at all"), encoding="utf-8")
    assert Recipe.load(tmp_path / "r.yaml") == recipe


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1), st.one_of(st.none(), st.text()), st.text(st.characters(codec=None)))
def test_any_text_survives_being_written(model: str, where: str | None, comment: str):
    recipe = Recipe().override(model=model, where=where)
    assert Recipe.parse(recipe.to_yaml(comment)) == recipe


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_loads_and_its_first_line_says_which_question(path: Path):
    Recipe.load(path)
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert first.endswith("?")


def test_two_recipes_are_shipped():
    assert {path.stem for path in RECIPES} >= {"rank-co2-capture", "train-knagcn-core2019"}
