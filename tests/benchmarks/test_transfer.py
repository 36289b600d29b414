"""Transfer: what few labels of another kind teach."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import transfer
from screenkit.flows.train import train
from tests.benchmarks.conftest import few_trees, section


def test_a_number_that_falls_as_the_labels_rise_is_turned_round():
    truth = np.arange(10.0)
    numbers = np.stack([np.ones(10), -truth, np.random.default_rng(0).normal(size=10)], axis=1)
    chosen = transfer.best_of(numbers, truth, np.arange(5))
    assert transfer.correlation(truth, chosen) == pytest.approx(1.0)


def test_only_known_labels_choose():
    truth = np.array([1.0, 2.0, 3.0, 3.0, 2.0, 1.0])
    rising = np.arange(6.0)
    falls_later = np.array([1.0, 2.0, 2.0, 3.0, 2.0, 1.0])
    chosen = transfer.best_of(np.stack([rising, falls_later], axis=1), truth, np.arange(3))
    assert np.array_equal(chosen, rising)


def test_a_ridge_finds_a_line_and_needs_no_label_of_the_others():
    seen = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    wanted = seen @ np.array([1.0, -2.0, 0.5])
    wanted[20:] = np.nan
    said = transfer.ridge(seen, wanted, np.arange(30))
    assert said[20:] == pytest.approx(seen[20:] @ np.array([1.0, -2.0, 0.5]), abs=0.05)


def test_draws_are_of_the_known_and_the_others_whole():
    for split in transfer.draws_of(30, 10, 3):
        assert [len(side) for side in (split.train, split.valid, split.test)] == [8, 2, 20]
        assert len(np.unique(np.concatenate([split.train, split.valid, split.test]))) == 30


def test_correlations_stand_in_the_page(school, tmp_path, monkeypatch):
    run = train(
        school.folder / "labels.csv",
        [],
        school.recipe,
        tmp_path / "run",
        graphs=school.folder / "graphs",
    )
    monkeypatch.setattr(transfer, "trees_beside", few_trees)
    words = ["--columns", "zinc", "more", "--beside", "zinc", "--labels-known", "10"]
    words += ["--draws", "2", "--epochs", "2", "--rates", "1e-3", "1e-2"]
    first = (str(run.output / "checkpoint.safetensors"),)
    page = school.run(transfer, tmp_path, monkeypatch, *words, first=first)["pore.md"]
    assert [row[0] for row in section(page, "no labels")[1:]] == ["`zinc`", "`more`"]
    head, *rows = section(page, "few labels")
    assert head[1:] == [
        "best of the predictions",
        "ridge on the embedding",
        "fine-tuned",
        "trees, from nothing",
        "best of the numbers",
    ]
    assert rows[1][-1] == "1.000 ± 0.000"  # `more` is a line on `zinc`
    told = json.loads((tmp_path / "results" / "transfer.jsonl").read_text())
    assert told["numbers"] == ["density", "zinc"]
