"""Test figures by split, shortlists, distances."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import held_out
from benchmarks.lessons import Answers
from tests.benchmarks.conftest import few_trees, section

LOW, HIGH = held_out.ORDERED


def words(school, *more: str) -> list[str]:
    return ["--recipe", str(school.folder / "recipe.yaml"), *more]


def answers(said: np.ndarray, distance: np.ndarray) -> Answers:
    names = np.array([f"s{i}" for i in range(len(said))])
    return Answers(names, said, np.ones(said.shape[1]), distance, 1.0, 1, 1, 0.0)


def test_so_many_labels_of_each_target_are_kept_apart_by_whole_groups(school):
    material = school.stock.material(school.recipe)
    values = material.labels.values.copy()
    values[::2, 1] = np.nan  # one of each group has no second label
    labels = replace(material.labels, values=values)
    split = held_out.split_apart(replace(material, labels=labels), 6, 0.2)
    assert np.isfinite(values[split.test]).sum(axis=0).tolist() == [12, 6]
    groups = [{labels.groups[row] for row in side} for side in (split.train, split.test)]
    assert not groups[0] & groups[1]


def test_more_labels_than_there_are_cannot_be_kept_apart(school):
    with pytest.raises(ValueError, match="30 labels"):
        held_out.split_apart(school.stock.material(school.recipe), 30, 0.2)


def test_errors_that_grow_with_the_distance_grow_from_bin_to_bin(school):
    targets = school.recipe.labels.targets
    distance = np.random.default_rng(0).permutation(50).astype(float)
    truth = np.random.default_rng(1).normal(size=(50, 2))
    one = answers(truth + distance[:, None], distance)
    bins = held_out.by_distance([(truth, one), (truth, one)], targets)
    assert [found["structures"] for found in bins] == [10.0] * 5
    errors = [found["targets"][LOW]["mae"]["mean"] for found in bins]
    assert errors == pytest.approx([4.5, 14.5, 24.5, 34.5, 44.5])
    assert bins[1]["from"] == {"mean": 10.0, "spread": 0.0}


def test_who_takes_up_less_at_the_higher_pressure_is_counted(school):
    targets = school.recipe.labels.targets
    values = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 1.0], [np.nan, 1.0], [3.0, 4.0]])
    assert held_out.falling(values, targets) == 0.25
    assert held_out.falling(values, targets[:1]) is None


def test_figures_of_splits_stand_in_the_page(school, tmp_path, monkeypatch):
    monkeypatch.setattr(held_out, "BINS", 2)
    monkeypatch.setattr(held_out, "trees_beside", few_trees)
    asked = words(school, "--splits", "2", "--trees")
    page = school.run(held_out, tmp_path, monkeypatch, *asked)["pore.md"]
    rows = {row[0]: row[1:] for row in section(page, "group splits")}
    assert "±" in rows["**pore**"][0] and "±" in rows["trees on the same numbers of the crystal"][1]
    assert rows["median"][0].startswith("–, ")  # all equal: there is no order
    extra = rows["*extra trees on composition and Zeo++ geometry*"]
    assert extra == ["0.731, 0.666", "0.973, 0.731"]
    assert len(section(page, "distance")) == 3 and len(section(page, "order")) == 3
    assert section(page, "random splits") == []

    page = school.run(held_out, tmp_path, monkeypatch, *words(school, "--random"))["pore.md"]
    assert section(page, "random splits")[-2][1] == "0.85, 0.49"
    assert len(section(page, "group splits")) == len(rows)
    lines = (tmp_path / "results" / "held-out.jsonl").read_text().splitlines()
    assert [json.loads(line)["protocol"] for line in lines] == ["group", "random"]
    assert "NaN" not in "".join(lines)


def test_a_random_split_parts_groups(school):
    task = held_out.tasks_of(school.recipe, school.stock, 1, True, "pore", False)[0]
    material = school.stock.material(school.recipe)
    group = dict(zip(material.labels.names, material.labels.groups, strict=True))
    assert {group[name] for name in task.sides.train} & {group[name] for name in task.sides.asked}


def test_shortlists_stand_in_the_page(school, tmp_path, monkeypatch):
    page = school.run(held_out, tmp_path, monkeypatch, *words(school, "--apart", "10"))["pore.md"]
    head, *rows = section(page, "shortlists")
    assert head[1] == "true top 1 of 10 found"
    assert [row[0] for row in rows] == [f"`{LOW}`", f"`{HIGH}`"]
    assert all(row[1] in ("0 of 1", "1 of 1") for row in rows)
