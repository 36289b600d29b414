"""What other programs read of an export."""

from __future__ import annotations

import builtins
import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from screenkit.errors import UsageError
from screenkit.flows.export import export
from screenkit.ranking import table
from screenkit.store.layout import COLUMNS
from tests.stores import UPTAKE, bad, make_store, ok

NAME = UPTAKE["name"]
ROWS = [
    ok("plain", 0.1, -1.0 / 3.0),
    bad("=1+1", "overlap", 'say "no", please\nnow'),
    ok("山", math.nan, 3e-30, density=1.0 / 3.0),
]
HEADS = [*(column.name for column in COLUMNS), NAME, "heat"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    make_store(tmp_path, ROWS)
    return tmp_path


def test_csv_has_every_row_every_digit_and_no_cell_that_a_spreadsheet_computes(run: Path):
    written = export(run)
    assert written.path == run / "predictions.csv"
    assert (written.rows, list(written.columns)) == (3, HEADS)
    with written.path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == HEADS
    assert [row["name"] for row in rows] == ["plain", "'=1+1", "山"]
    assert rows[1]["message"] == 'say "no", please\nnow'
    assert rows[0][NAME] == "0.1"
    assert np.float32(rows[0]["heat"]) == np.float32(-1 / 3)
    assert float(rows[2]["density_g_cm3"]) == 1 / 3
    assert rows[2][NAME] == rows[1]["heat"] == ""


def test_json_is_one_list_with_null_for_what_is_missing(run: Path):
    rows = json.loads(export(run, "json", run / "x.txt").path.read_text(encoding="utf-8"))
    assert list(rows[0]) == HEADS
    assert [row["name"] for row in rows] == ["plain", "=1+1", "山"]
    assert (rows[0][NAME], rows[2][NAME], rows[1]["n_atoms"]) == (0.1, None, 0)


def test_parquet_has_the_types_and_units_of_the_store(run: Path):
    parquet = pytest.importorskip("pyarrow.parquet")
    read = parquet.read_table(export(run, path=run / "x.parquet").path)
    assert read.column_names == HEADS
    assert [str(read.schema.field(name).type) for name in ("name", "n_atoms", NAME)] == [
        "string",
        "int32",
        "float",
    ]
    assert read.schema.field(NAME).metadata == {b"unit": b"mol/kg"}
    assert read.column("name").to_pylist() == ["plain", "=1+1", "山"]
    assert read.column("heat").to_pylist() == [np.float32(-1 / 3), None, np.float32(3e-30)]


def test_without_pyarrow_one_is_told_what_to_install(run: Path, monkeypatch: pytest.MonkeyPatch):
    known = builtins.__import__

    def without(name: str, *more, **named):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return known(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError) as caught:
        export(run, "parquet")
    assert "pyarrow" in caught.value.message
    assert "screenkit[parquet]" in caught.value.hint
    assert not (run / "predictions.parquet").exists()


@pytest.mark.parametrize("format", ["csv", "json", "parquet"])
def test_pieces_do_not_change_what_is_written(
    run: Path, monkeypatch: pytest.MonkeyPatch, format: str
):
    whole = export(run, format, run / "whole").path.read_bytes()
    monkeypatch.setattr(table, "_CHUNK", 2)
    assert export(run, format, run / "pieces").path.read_bytes() == whole


def test_a_format_that_is_none_names_its_nearest(run: Path):
    with pytest.raises(UsageError, match="csv, json, parquet") as caught:
        export(run, "parket")
    assert caught.value.hint == "did you mean parquet?"
