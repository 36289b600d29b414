"""A store gives back columns by any of their names, whole or in pieces."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from screenkit.errors import StorageError
from screenkit.store.merge import merge
from screenkit.store.store import Store
from tests.store.rows import TARGETS, make_plan, make_row, names_of, write_all

ROWS = [make_row(i) for i in range(100)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    plan = make_plan(100, 30)
    write_all(run, plan)
    merge(run, plan, names_of(plan), TARGETS)
    return run


def test_a_store_opens_by_its_file_or_its_folder(run):
    assert len(Store.open(run)) == len(Store.open(run / "predictions.h5")) == 100


def test_columns_have_the_name_of_the_row_and_of_the_disk(run):
    store = Store.open(run)
    np.testing.assert_array_equal(store.column("density"), store.column("density_g_cm3"))
    assert store.column("density")[0] == ROWS[0].density
    assert store.column("gap").dtype == np.float32
    assert list(store.targets) == TARGETS
    with pytest.raises(KeyError):
        store.column("colour")


def test_texts_compare_with_plain_strings(run):
    ok = Store.open(run).column("outcome") == "ok"
    assert ok.dtype == bool
    assert ok.tolist() == [row.outcome == "ok" for row in ROWS]


def test_pieces_make_the_whole(run):
    store = Store.open(run)
    pieces = list(store.chunks(["name", "gap"], size=33))
    assert [len(piece["gap"]) for piece in pieces] == [33, 33, 33, 1]
    assert np.concatenate([piece["name"] for piece in pieces]).tolist() == store.names.tolist()
    assert store.column("name", 10, 12).tolist() == [ROWS[10].name, ROWS[11].name]


def test_outcomes_and_codes_are_counted(run):
    store = Store.open(run)
    assert store.outcomes == Counter(row.outcome.value for row in ROWS)
    assert store.codes == Counter(row.code for row in ROWS if row.code)


def test_no_store_and_a_damaged_store_are_refused(run, tmp_path):
    with pytest.raises(StorageError, match="there is no"):
        Store.open(tmp_path)
    data = (run / "predictions.h5").read_bytes()
    dice = random.Random(2)
    for _ in range(100):
        copy = bytearray(data)
        copy[dice.randrange(len(copy))] ^= 1 << dice.randrange(8)
        (tmp_path / "predictions.h5").write_bytes(copy[: dice.choice([None, -1, 1000])])
        with pytest.raises(StorageError):
            Store.open(tmp_path)
