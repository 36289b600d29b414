"""Label tables."""

from __future__ import annotations

import numpy as np
import pytest

from screenkit.errors import LabelError
from screenkit.learn.labels import LabelSettings, read_labels
from screenkit.models.target import Target

TARGETS = [Target(name="uptake", column="uptake_mol_kg"), Target(name="kh")]


def read(tmp_path, text, **settings):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    return read_labels(path, TARGETS, LabelSettings(**settings))


def test_a_name_that_a_spreadsheet_would_compute_is_read_as_it_was_written(tmp_path):
    (tmp_path / "labels.csv").write_text("name,uptake\n'=a,1\n'-b,2\n'c,3\n")
    found = read_labels(tmp_path / "labels.csv", [Target(name="uptake")], LabelSettings())
    assert found.names == ("=a", "-b", "'c")


def test_missing_labels_are_nan_and_groups_default_to_the_name(tmp_path):
    labels = read(tmp_path, "name,kh,uptake_mol_kg,g\nA,-4,1.5,x\nB,,NA,x\nC,nan,2,\n")
    np.testing.assert_equal(labels.values, [[1.5, -4], [np.nan, np.nan], [2, np.nan]])
    assert labels.groups == ("A", "B", "C")


def test_rows_without_a_group_are_groups_of_their_own(tmp_path):
    text = "name,kh,uptake_mol_kg,g\nA,-4,1.5,x\nB,1,1,x\nC,1,2,\n"
    assert read(tmp_path, text, group_column="g").groups == ("x", "x", "C")


def test_names_that_look_like_numbers_or_nothing_stay_texts(tmp_path):
    labels = read(tmp_path, "name,kh,uptake_mol_kg\n001,1,1\nNA,1,1\nnan,1,1\n1e5,1,1\n")
    assert labels.names == ("001", "NA", "nan", "1e5")


def test_taking_rows_keeps_the_order_asked_for(tmp_path):
    taken = read(tmp_path, "name,kh,uptake_mol_kg\nA,1,2\nB,3,4\n").take(["B", "A"])
    np.testing.assert_equal(taken.values, [[4, 3], [2, 1]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("name,kh,uptake_mol_kg\n", "no rows"),
        ("name,kh\nA,1\n", "no column 'uptake_mol_kg'"),
        ("id,kh,uptake_mol_kg\nA,1,1\n", "no column 'name'"),
        ("name,kh,uptake_mol_kg\nA,1,1\nA,2,2\n", "line 3: 'A' stands in line 2 too"),
        ("name,kh,uptake_mol_kg\nA,1,high\n", "line 2, column uptake_mol_kg: wanted a number"),
        ("name,kh,uptake_mol_kg\nA,1,inf\n", "wanted a number, found 'inf'"),
    ],
)
def test_a_bad_table_says_what_and_where(tmp_path, text, message):
    with pytest.raises(LabelError, match=message):
        read(tmp_path, text)


def test_a_misspelt_column_is_told_its_nearest(tmp_path):
    with pytest.raises(LabelError) as caught:
        read(tmp_path, "name,kh,uptake_mol_kgg\nA,1,1\n")
    assert "uptake_mol_kgg" in caught.value.hint


SUBSETS = "name,kh,uptake_mol_kg,set\nA,1,1,small\nB,2,2,\nC,3,3, small\nD,4,4,large\n"


def test_only_the_rows_asked_for_are_read(tmp_path):
    assert read(tmp_path, SUBSETS, only="set=small").names == ("A", "C")
    assert read(tmp_path, SUBSETS, only="set=").names == ("B",)


def test_a_value_that_no_row_has_is_told_those_there_are(tmp_path):
    with pytest.raises(LabelError, match="no row with set=smal") as caught:
        read(tmp_path, SUBSETS, only="set=smal")
    assert "'small'" in caught.value.hint
    with pytest.raises(LabelError, match="no column 'sett'"):
        read(tmp_path, SUBSETS, only="sett=small")
