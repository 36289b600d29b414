"""Learning curves: smaller training sets are parts of larger ones."""

from __future__ import annotations

import xml.etree.ElementTree
from itertools import pairwise

import numpy as np

from benchmarks import learning_curves
from benchmarks.learning_curves import nested, stretched
from benchmarks.lessons import trees_beside
from tests.benchmarks.conftest import few_trees, section


def test_smaller_sets_are_whole_groups_and_parts_of_the_larger():
    groups = [f"g{row // 3}" for row in range(30)]
    train = np.arange(24)
    parts = nested(groups, train, (4, 12, 24, 100))
    assert [len(part) for part in parts] == [6, 12, 24]
    for smaller, larger in pairwise(parts):
        assert set(smaller) < set(larger)
    for part in parts:
        assert all({3 * (row // 3) + i for i in range(3)} <= set(part) for row in part)


def test_epochs_and_schedule_are_stretched_alike(school):
    recipe = school.recipe.vary({"fit.epochs": 10, "fit.decay_every": 6})
    fit = stretched(recipe, 2.5).fit
    assert (fit.epochs, fit.decay_every) == (25, 15)
    trees = trees_beside(recipe, ["density"])
    assert stretched(trees, 2.5) == trees


def test_curves_are_drawn_and_stand_in_the_page(school, tmp_path, monkeypatch):
    monkeypatch.setattr(learning_curves, "trees_beside", few_trees)
    words = ["--recipe", str(school.folder / "recipe.yaml"), "--sizes", "6", "--also", "knagcn"]
    page = school.run(learning_curves, tmp_path, monkeypatch, *words)["pore.md"]
    rows = section(page, "learning curves")
    assert [row[:2] for row in rows[1:]] == [
        [model, size] for model in ("pore", "trees", "knagcn") for size in ("6", "12")
    ]
    drawing = tmp_path / "docs" / "learning-curves.svg"
    assert drawing.stat().st_size < 60_000
    panels = xml.etree.ElementTree.parse(drawing).getroot().findall("{*}svg")
    assert len(panels) == 4  # two figures of two targets
    assert "](learning-curves.svg)" in page
