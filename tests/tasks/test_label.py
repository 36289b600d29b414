"""What physics says of one structure, and what becomes of those of which it says nothing."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import numpy as np
import pytest

from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.crystal.checks import CheckSettings
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.document import Document
from screenkit.crystal.pores import PoreSettings, measure_pores
from screenkit.crystal.topology import TopologySettings
from screenkit.errors import Outcome, UsageError
from screenkit.plan import Shard
from screenkit.store.row import Row
from screenkit.store.shard_file import read_shard, shard_path
from screenkit.tasks.label import LabelTask, Physics
from tests.crystals import crystal, rock_salt, write_cif


def physics(*properties, **adsorption) -> Physics:
    settings = AdsorptionSettings(**adsorption)
    return Physics.choose(settings, properties, PoreSettings(), TopologySettings())


def hydrogen(**settings) -> Physics:
    return physics(gases=("H2",), temperatures=(77.0, 298.15), **settings)


def wide_salt() -> Crystal:
    """NaCl blown up until H2 has room in it."""
    return rock_salt(9.0)


def label(given: Crystal, asked: Physics, folder: Path) -> Row:
    """Return the row that the task publishes, after it was sent to another process."""
    write_cif(given, folder / "one.cif")
    task = LabelTask(folder / "shards", "0" * 64, CheckSettings(), asked)
    task = pickle.loads(pickle.dumps(task))  # noqa: S301  what an executor does
    shard = Shard(0, 0, 1)
    task(shard, [Document("one", str(folder / "one.cif"), path=folder / "one.cif")])
    (row,) = read_shard(shard_path(folder / "shards", shard), shard, "0" * 64).rows()
    return row


def named(row: Row, asked: Physics) -> dict[str, float]:
    return dict(zip([t["name"] for t in asked.targets], row.values, strict=True))


def test_the_columns_of_a_henry_coefficient_agree_with_each_other(tmp_path: Path):
    asked = hydrogen()
    row = label(wide_salt(), asked, tmp_path)
    labels = named(row, asked)
    for name, temperature in (("H2_77K", 77.0), ("H2_298.15K", 298.15)):
        henry = labels[f"henry_{name}"]
        assert labels[f"log_henry_{name}"] == pytest.approx(math.log10(henry), abs=1e-12)
        assert labels[f"log1p_henry_{name}"] == pytest.approx(math.log10(1 + henry), abs=1e-12)
        # Four NaCl of 58.443 g/mol in 729 Å3; 1 Å3 is 1e-30 m3.
        density = 4 * 58.443e-3 / 6.02214076e23 / 729e-30
        assert labels[f"kh_{name}"] == pytest.approx(
            henry / (density * 8.314462618 * temperature), rel=1e-4
        )
        assert labels[f"log_kh_{name}"] == pytest.approx(math.log10(labels[f"kh_{name}"]))
        assert 0 <= labels[f"error_{name}"] <= 0.01
    assert row.warnings == ""


def test_the_heat_is_the_slope_of_the_coefficient_with_temperature(tmp_path: Path):
    # van 't Hoff: d ln(kh) / d(1/T) = heat / R.
    asked = physics(gases=("H2",), temperatures=(99.0, 100.0, 101.0), tolerance=1e-4)
    labels = named(label(wide_salt(), asked, tmp_path), asked)
    rise = math.log(labels["kh_H2_101K"] / labels["kh_H2_99K"]) / (1 / 101 - 1 / 99)
    assert labels["heat_H2_100K"] == pytest.approx(8.314462618e-3 * rise, rel=1e-3)


def test_where_a_coefficient_is_too_small_for_a_number_its_logarithm_is_there(tmp_path: Path):
    asked = physics(gases=("Xe",), temperatures=(20.0,), max_points=1000)
    row = label(rock_salt(), asked, tmp_path)
    labels = named(row, asked)
    assert row.outcome is Outcome.OK
    assert labels["henry_Xe_20K"] == labels["kh_Xe_20K"] == labels["log1p_henry_Xe_20K"] == 0
    assert -1e5 < labels["log_henry_Xe_20K"] < -300
    assert math.isfinite(labels["log_kh_Xe_20K"])


def test_where_a_coefficient_is_too_large_for_a_number_it_is_missing_and_a_warning_says_so(
    tmp_path: Path,
):
    asked = physics(gases=("Xe",), temperatures=(0.9,), tolerance=1.0)
    row = label(wide_salt(), asked, tmp_path)
    labels = named(row, asked)
    assert math.isnan(labels["henry_Xe_0.9K"])
    assert labels["log_henry_Xe_0.9K"] > 308
    assert "label_out_of_range" in row.warnings.split()


def test_a_coefficient_that_is_less_sure_than_it_should_be_is_given_with_a_warning(tmp_path: Path):
    asked = hydrogen(tolerance=1e-6, max_points=1000)
    row = label(wide_salt(), asked, tmp_path)
    assert row.outcome is Outcome.OK
    assert row.warnings == "tolerance_not_reached"
    found = named(row, asked)
    # The cell is face-centred: grids that its centring maps on each other would agree, all wrong.
    exact = named(label(wide_salt(), hydrogen(tolerance=1e-4), tmp_path), asked)["henry_H2_77K"]
    assert abs(found["henry_H2_77K"] / exact - 1) < found["error_H2_77K"]
    assert found["error_H2_77K"] > 1e-6


def test_where_there_is_no_room_for_the_gas_no_accuracy_is_asked(tmp_path: Path):
    asked = hydrogen()
    row = label(rock_salt(), asked, tmp_path)
    assert named(row, asked)["log_henry_H2_298.15K"] < -12
    assert named(row, asked)["error_H2_298.15K"] > 0.01
    assert (row.outcome, row.warnings) == (Outcome.OK, "")


def test_pores_and_topology_stand_in_the_columns_of_their_names(tmp_path: Path):
    asked = physics("largest-li-site", "pores", "min-bond-length", "percolation-radius")
    row = label(rock_salt(), asked, tmp_path)
    labels = named(row, asked)
    assert labels["min_bond_length"] == pytest.approx(5.64 / 2, abs=1e-5)
    pores = measure_pores(rock_salt())
    for name in ("largest_included_sphere", "void_fraction"):
        assert labels[name] == pytest.approx(getattr(pores, name), abs=1e-4)
    assert math.isnan(labels["largest_li_site"])
    assert row.warnings == "no_lithium"
    assert row.outcome is Outcome.OK


def test_an_element_without_parameters_fails_by_name(tmp_path: Path):
    (tmp_path / "na.yaml").write_text("elements:\n  Na: {sigma: 2.7, epsilon: 15}\n")
    row = label(rock_salt(), hydrogen(force_field=str(tmp_path / "na.yaml")), tmp_path)
    assert (row.outcome, row.code) == (Outcome.FAILED, "element_without_parameters")
    assert "Cl" in row.message and "Na" not in row.message
    assert np.isnan(row.values).all()


def test_a_gas_with_charges_needs_a_structure_with_charges(tmp_path: Path):
    row = label(wide_salt(), physics(gases=("CO2",), temperatures=(298.15,)), tmp_path)
    assert (row.outcome, row.code) == (Outcome.FAILED, "charges_missing")


def test_an_overlap_is_left_out_before_anything_is_computed(tmp_path: Path):
    row = label(rock_salt(1.2), hydrogen(), tmp_path)
    assert (row.outcome, row.code) == (Outcome.FILTERED, "overlap")


def test_a_cell_thinner_than_the_cutoff_has_the_coefficient_of_its_supercell(tmp_path: Path):
    asked = hydrogen(tolerance=1e-4)
    thin = crystal([8], [[0, 0, 0]], [5.0, 6.0, 7.0])
    thick = crystal([8, 8], [[0, 0, 0], [0.5, 0, 0]], [10.0, 6.0, 7.0])
    one, two = (named(label(given, asked, tmp_path / n), asked) for n, given in
                (("a", thin), ("b", thick)) if (tmp_path / n).mkdir() is None)  # fmt: skip
    assert one["log_henry_H2_77K"] == pytest.approx(two["log_henry_H2_77K"], abs=1e-4)


def test_what_may_change_a_number_changes_the_plan_and_a_moved_file_does_not(tmp_path: Path):
    (tmp_path / "a.yaml").write_text("extends: uff\nelements: {Na: {sigma: 2.7, epsilon: 15}}\n")
    (tmp_path / "b.yaml").write_text((tmp_path / "a.yaml").read_text())
    (tmp_path / "c.yaml").write_text("extends: uff\nelements: {Na: {sigma: 2.8, epsilon: 15}}\n")
    a, b, c = (hydrogen(force_field=str(tmp_path / f"{n}.yaml")).said() for n in "abc")
    assert a == b
    assert a != c
    assert hydrogen().said() not in (a, hydrogen(cutoff=12.0).said())
    assert hydrogen(device="cpu").said() == hydrogen().said()
    assert physics("pores").said() == physics("pores", cutoff=12.0).said()  # no gas, no cutoff


@pytest.mark.parametrize(
    ("properties", "adsorption", "words"),
    [
        ((), {}, "nothing to compute"),
        ((), {"gases": ("H2",)}, "--gas H2 needs --temperature, which has no default"),
        (("pores",), {"temperatures": (77.0,)}, "--temperature 77 needs --gas"),
        (("pores", "pores"), {}, "--property pores is given twice"),
        ((), {"gases": ("H2", "h2"), "temperatures": (77.0,)}, "--gas H2 is given twice"),
        ((), {"gases": ("H2",), "temperatures": (77.0, 77.00000000001)}, "--temperature 77 is"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_in_one_line(properties, adsorption, words):
    with pytest.raises(UsageError) as caught:
        physics(*properties, **adsorption)
    assert words in caught.value.message
    assert caught.value.hint


def test_gases_may_be_divided_among_devices_and_geometry_may_not(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    assert hydrogen(device="cuda").count_devices() == 3
    assert hydrogen(device="cuda:1").count_devices() == 0
    assert hydrogen().count_devices() == 0
    assert physics("pores", device="cuda").count_devices() == 0
