"""Two runs beside each other."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from screenkit.errors import MismatchError, StorageError
from screenkit.flows.compare import compare, write_comparison
from tests.stores import HEAT, UPTAKE, bad, make_store, ok

NAME = UPTAKE["name"]


def test_rank_correlations_are_those_of_scipy_over_what_both_predict(tmp_path: Path):
    rng = np.random.default_rng(0)
    values = np.round(rng.normal(size=(40, 4)), 1).astype(np.float32)
    values[3, 0] = math.nan
    make_store(tmp_path / "a", [ok(str(i), *values[i, :2]) for i in range(40)])
    make_store(tmp_path / "b", [ok(str(i), *values[i, 2:]) for i in reversed(range(40))])
    found = compare(tmp_path / "a", tmp_path / "b").agreements
    assert [(one.target, one.n) for one in found] == [(NAME, 39), ("heat", 40)]
    assert found[1].spearman == pytest.approx(spearmanr(values[:, 1], values[:, 3]).statistic)
    assert found[1].kendall == pytest.approx(kendalltau(values[:, 1], values[:, 3]).statistic)
    # heat is to be small.
    best = [set(np.argsort(values[:, column], kind="stable")[:1].tolist()) for column in (1, 3)]
    assert found[1].overlaps["1%"] == len(best[0] & best[1])
    assert math.isnan(found[1].overlaps["100"])


def test_a_run_agrees_with_itself(tmp_path: Path):
    make_store(tmp_path, [ok(str(i), float(i), -float(i)) for i in range(200)])
    for one in compare(tmp_path, tmp_path).agreements:
        assert (one.spearman, one.kendall) == pytest.approx((1, 1))
        assert dict(one.overlaps) == {"10": 1, "100": 1, "1%": 1}


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    make_store(
        tmp_path / "a",
        [ok("same", 1.0, 2.0), bad("mended", "overlap"), bad("odd", "no_cell"), ok("=gone", 3, 4)],
    )
    make_store(
        tmp_path / "b",
        [ok("new", 9.0), bad("odd", "overlap"), ok("mended", 5.0), ok("same", 1.5)],
        [UPTAKE],
    )
    return tmp_path / "a", tmp_path / "b"


def test_names_that_one_alone_has_and_outcomes_that_changed_are_told(two):
    found = compare(*two)
    names = [
        store.names[rows].tolist() for store, rows in zip(found.stores, found.only, strict=True)
    ]
    assert names == [["=gone"], ["new"]]
    assert found.changes == {("no_cell", "overlap"): 1, ("overlap", "ok"): 1}
    assert [one.target for one in found.agreements] == [NAME]


def test_the_table_has_a_line_for_each_structure_of_either(two, tmp_path: Path):
    write_comparison(compare(*two), tmp_path / "out")
    with (tmp_path / "out" / "compare.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["same", "mended", "odd", "'=gone", "new"]
    assert [row[f"{NAME}_a"] for row in rows] == ["1", "", "", "3", ""]
    assert [row[f"{NAME}_b"] for row in rows] == ["1.5", "5", "", "", "9"]
    assert [row["code_a"] for row in rows] == ["", "overlap", "no_cell", "", ""]
    assert [row["outcome_b"] for row in rows] == ["ok", "ok", "failed", "", "ok"]
    told = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert (told["common"], told["only"]) == (3, [1, 1])
    assert told["targets"][0]["spearman"] is None  # of one structure


def test_runs_with_nothing_in_common_are_refused(two, tmp_path: Path):
    make_store(tmp_path / "c", [ok("x", 1.0)], [UPTAKE])
    make_store(tmp_path / "d", [ok("same", 1.0)], [HEAT])
    with pytest.raises(MismatchError, match="no structure in common"):
        compare(two[0], tmp_path / "c")
    with pytest.raises(MismatchError, match="predict nothing in common"):
        compare(two[1], tmp_path / "d")
    with pytest.raises(StorageError, match="there is no"):
        compare(two[0], tmp_path / "e")
