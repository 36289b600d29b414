"""A merge holds exactly one row per structure, or is refused with the name of what is wrong."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc

import h5py
import numpy as np
import pytest

from screenkit.errors import StorageError
from screenkit.store.layout import COLUMNS
from screenkit.store.merge import merge
from screenkit.store.publish import sweep
from screenkit.store.store import Store
from tests.store.rows import TARGET_NAMES, TARGETS, make_plan, make_row, names_of, write_all
from tests.stores import make_store, ok


@pytest.mark.parametrize(
    ("structures", "size"), [(1, 1), (10, 3), (10, 10), (4096, 512), (9000, 700), (9000, 5000)]
)
def test_every_structure_has_one_row_in_library_order(tmp_path, structures, size):
    plan = make_plan(structures, size)
    write_all(tmp_path, plan)
    store = Store.open(merge(tmp_path, plan, names_of(plan), TARGETS))
    rows = [make_row(i) for i in range(structures)]
    assert len(store) == structures
    assert store.names.tolist() == [row.name for row in rows]
    assert store.column("message").tolist() == [row.message for row in rows]
    assert store.column("n_atoms").tolist() == [row.n_atoms for row in rows]
    values = [row.values or (np.nan, np.nan) for row in rows]
    for i, target in enumerate(TARGET_NAMES):
        np.testing.assert_array_equal(store.column(target), np.float32([v[i] for v in values]))


def test_how_the_library_was_cut_changes_no_row(tmp_path):
    columns = []
    for size in (7, 100):
        plan = make_plan(100, size)
        write_all(tmp_path / str(size), plan)
        store = Store.open(merge(tmp_path / str(size), plan, names_of(plan), TARGETS))
        columns.append([store.column(name) for name in (*TARGET_NAMES, "name", "density")])
    for a, b in zip(*columns, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_second_merge_gives_the_same_bytes(tmp_path):
    plan = make_plan(50, 7)
    write_all(tmp_path, plan)
    first = merge(tmp_path, plan, names_of(plan), TARGETS).read_bytes()
    assert merge(tmp_path, plan, names_of(plan), TARGETS).read_bytes() == first


def test_plain_h5py_reads_names_values_units_and_meaning(tmp_path):
    plan = make_plan(50, 7)
    write_all(tmp_path, plan)
    with h5py.File(merge(tmp_path, plan, names_of(plan), TARGETS)) as file:
        assert set(file) == {column.name for column in COLUMNS} | {"predictions"}
        assert file["name"].asstr()[49] == make_row(49).name
        assert file["predictions/gap"].attrs["unit"] == "eV"
        assert file["predictions/gap"].attrs["better"] == "min"
        assert file["density_g_cm3"].attrs["unit"] == "g/cm^3"
        assert file.attrs["structures"] == 50


def spoil_missing(paths):
    paths[2].unlink()


def spoil_damaged(paths):
    data = bytearray(paths[2].read_bytes())
    data[2000] ^= 1
    paths[2].write_bytes(data)


def spoil_twice(paths):
    paths[2].write_bytes(paths[1].read_bytes())


def spoil_extra(paths):
    paths[2].with_name("000002 (copy).h5").write_bytes(paths[2].read_bytes())


def spoil_foreign(paths):
    other = make_plan(50, 7, model="other")
    paths[2].write_bytes(write_all(paths[2].parent.parent / "other", other)[2].read_bytes())


@pytest.mark.parametrize(
    "spoil", [spoil_missing, spoil_damaged, spoil_twice, spoil_extra, spoil_foreign]
)
def test_anything_but_all_shards_of_this_run_is_refused_by_name(tmp_path, spoil):
    plan = make_plan(50, 7)
    spoil(write_all(tmp_path, plan))
    with pytest.raises(StorageError, match="000002"):
        merge(tmp_path, plan, names_of(plan), TARGETS)
    assert not (tmp_path / "predictions.h5").exists()


def test_other_names_or_targets_are_refused(tmp_path):
    plan = make_plan(50, 7)
    write_all(tmp_path, plan)
    with pytest.raises(StorageError, match="other structures"):
        merge(tmp_path, plan, names_of(plan)[::-1], TARGETS)
    with pytest.raises(StorageError, match="wanted"):
        merge(tmp_path, plan, names_of(plan), TARGETS[::-1])


def test_embeddings_stand_in_library_order_whatever_the_shards(tmp_path, monkeypatch):
    monkeypatch.setattr("screenkit.store.merge._CHUNK", 10)
    monkeypatch.setattr("screenkit.store.store._CHUNK", 8)
    points = np.random.default_rng(0).standard_normal((23, 5)).astype(np.float16)
    points[4] = np.nan
    for size in (4, 7, 30):
        store = make_store(
            tmp_path / str(size),
            [ok(str(i), 1.0, 2.0) for i in range(23)],
            shard_size=size,
            embedding=points,
        )
        wanted = np.array([22, 0, 4, 11, 9])
        np.testing.assert_array_equal(store.embedding(wanted), points[wanted])


def test_an_older_merge_stays_until_the_new_one_is_whole(tmp_path, monkeypatch):
    plan = make_plan(50, 7)
    write_all(tmp_path, plan)
    before = merge(tmp_path, plan, names_of(plan), TARGETS).read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StorageError, match=r"no space writing .*predictions\.h5"):
        merge(tmp_path, plan, names_of(plan), TARGETS)
    assert (tmp_path / "predictions.h5").read_bytes() == before


LIMITED = """
import resource, sys
from pathlib import Path
from screenkit.errors import StorageError
from screenkit.store.merge import merge
from tests.store.rows import TARGETS, make_plan, names_of
limit, run = int(sys.argv[1]), Path(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
plan = make_plan(9000, 500)
try:
    merge(run, plan, names_of(plan), TARGETS)
except StorageError as error:
    print(error.message)
    sys.exit(error.exit_code)
"""


@pytest.mark.slow
def test_a_disk_that_fills_at_any_size_is_one_line_and_no_crash(tmp_path):
    plan = make_plan(9000, 500)
    write_all(tmp_path, plan)
    whole = merge(tmp_path, plan, names_of(plan), TARGETS)
    size = whole.stat().st_size
    whole.unlink()
    for limit in [0, 100, 600, *range(size // 6, size, size // 6), size - 1]:
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, str(limit), str(tmp_path)],
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (74, ""), limit
        assert done.stdout.startswith("no space writing")
        assert sorted(p.name for p in tmp_path.iterdir()) == ["shards"]
    assert sweep(tmp_path) == 0


@pytest.mark.slow
def test_memory_does_not_grow_with_the_library(tmp_path):
    plan = make_plan(60_000, 1000)
    rows = sum(path.stat().st_size for path in write_all(tmp_path, plan))
    names = names_of(plan)
    gc.collect()
    tracemalloc.start()
    merge(tmp_path, plan, names, TARGETS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows > 9e6
    assert peak < 3e6
